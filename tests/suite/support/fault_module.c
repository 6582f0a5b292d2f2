/* A PKCS#11 module that forwards to a real one and misbehaves on order (PKCS#11 v2.40, CK_FUNCTION_LIST).
 *
 * The orders are read from "<this file>.fault", one a line: function, number of its call (from 1), kind.
 *   crash   SIGSEGV before the call          crash-after   after it
 *   hang    never returns                    exit0, exit3  exit before the call
 *   error   CKR_DEVICE_ERROR, not done       late-error    done, then CKR_DEVICE_ERROR
 *   print   writes to stdout, then forwards  remove        runs "<this file>.sh", then forwards
 *   rv=N    returns N, not done; with call number 0 at every call
 * What a module may be, rather than what befalls it; these hold at every call:
 *   missing            the function list has NULL there
 *   flags, no-flags    of C_GetTokenInfo: the flags whose bits are the number are shown, or are not
 *   hide               of C_GetMechanismList: the mechanism of this number is not listed
 *   no-secrets         of C_CreateObject: takes no secret key in clear
 *   no-public-keys     of C_CreateObject: makes no public key
 *   forget             of C_CreateObject, C_UnwrapKey: makes objects without the attribute of this number
 *   refuse-attribute   of the same: makes no object with the attribute of this number
 *   spoil              of C_Sign, C_SignFinal: what is signed does not verify
 *   refuse             of C_SignInit: CKR_MECHANISM_INVALID for the mechanism of this number
 *   kwp                of C_GetMechanismList: the token lists CKM_AES_KEY_WRAP_KWP and no CKM_AES_KEY_WRAP_PAD; what it does
 *                      is the other module's CKM_AES_KEY_WRAP_PAD. Calls with it are noted as "KWP"
 *   lengths            of C_WrapKey, with kwp: as NSS does, it tells the length of the key for that of the wrapped key
 *   clock              of C_GetTokenInfo: the token has a clock, which tells no time
 *   serial             of C_GetTokenInfo: a token without a serial number has this one
 *   parameters         of C_Initialize: wants to be told where its files are in pReserved, as NSS softoken
 *   is=NAME            of C_GetInfo: its manufacturer and description are opencryptoki's or NSS's
 *   forced             of C_InitPIN: the user must change a PIN that the SO has set, before anything else
 * Each call is noted in "<this file>.log", one name a line.
 *
 * All functions take integers and pointers only, so that one signature of eight words forwards each
 * of them under the calling conventions of x86-64 and AArch64.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long word;
typedef word (*function)(word, word, word, word, word, word, word, word);
struct list { unsigned char version[2]; function call[68]; };

static const char *names[68] = {
    "C_Initialize", "C_Finalize", "C_GetInfo", "C_GetFunctionList", "C_GetSlotList", "C_GetSlotInfo",
    "C_GetTokenInfo", "C_GetMechanismList", "C_GetMechanismInfo", "C_InitToken", "C_InitPIN", "C_SetPIN",
    "C_OpenSession", "C_CloseSession", "C_CloseAllSessions", "C_GetSessionInfo", "C_GetOperationState",
    "C_SetOperationState", "C_Login", "C_Logout", "C_CreateObject", "C_CopyObject", "C_DestroyObject",
    "C_GetObjectSize", "C_GetAttributeValue", "C_SetAttributeValue", "C_FindObjectsInit", "C_FindObjects",
    "C_FindObjectsFinal", "C_EncryptInit", "C_Encrypt", "C_EncryptUpdate", "C_EncryptFinal",
    "C_DecryptInit", "C_Decrypt", "C_DecryptUpdate", "C_DecryptFinal", "C_DigestInit", "C_Digest",
    "C_DigestUpdate", "C_DigestKey", "C_DigestFinal", "C_SignInit", "C_Sign", "C_SignUpdate",
    "C_SignFinal", "C_SignRecoverInit", "C_SignRecover", "C_VerifyInit", "C_Verify", "C_VerifyUpdate",
    "C_VerifyFinal", "C_VerifyRecoverInit", "C_VerifyRecover", "C_DigestEncryptUpdate",
    "C_DecryptDigestUpdate", "C_SignEncryptUpdate", "C_DecryptVerifyUpdate", "C_GenerateKey",
    "C_GenerateKeyPair", "C_WrapKey", "C_UnwrapKey", "C_DeriveKey", "C_SeedRandom", "C_GenerateRandom",
    "C_GetFunctionStatus", "C_CancelFunction", "C_WaitForSlotEvent",
};

static struct list *real;
static char self[4096];
static struct order { char function[64], kind[64]; long at; int calls; } orders[16];
static int ordered;

static FILE *beside(const char *suffix, const char *mode) {
    char path[4200];
    snprintf(path, sizeof path, "%s%s", self, suffix);
    return fopen(path, mode);
}

static struct order *standing(int i, const char *kind) {
    for (int o = 0; o < ordered; o++)
        if (!strcmp(orders[o].function, names[i]) && !strcmp(orders[o].kind, kind)) return &orders[o];
    return 0;
}

/* A PIN that the SO has set stands in "<this file>.forced" until its user has changed it. */
static int forced(void) {
    FILE *there = beside(".forced", "r");
    if (there) fclose(there);
    return there != 0;
}

static void force(int on) {
    char path[4200];
    snprintf(path, sizeof path, "%s.forced", self);
    if (on) { FILE *made = fopen(path, "w"); if (made) fclose(made); } else remove(path);
}

struct attribute { word type; void *value; word length; };
struct mechanism { word type; void *parameter; word length; };

static void note(const char *what) {
    FILE *log = beside(".log", "a");
    if (log) { fprintf(log, "%s\n", what); fclose(log); }
}

static void blank_padded(char *field, word length, const char *text) {
    memset(field, ' ', length);
    memcpy(field, text, strlen(text));
}

/* C_GetInfo: version, manufacturerID (32), flags, libraryDescription (32). */
static void call_itself(const char *name, char *info) {
    int nss = !strcmp(name, "is=nss");
    blank_padded(info + 2, 32, nss ? "Mozilla Foundation" : "IBM");
    blank_padded(info + 48, 32, nss ? "NSS Internal Crypto Services" : "Meta PKCS11 LIBRARY");
}

/* CKM_AES_KEY_WRAP_KWP as the other module's CKM_AES_KEY_WRAP_PAD. */
static word key_wrap(int i, word a, word b, word c, word d, word e, word f, word g, word h) {
    struct mechanism *given = (struct mechanism *)b, pad = { 0x210A, 0, 0 };
    if (given->type == 0x210A) return 0x70;
    if (given->type != 0x210B) return real->call[i](a, b, c, d, e, f, g, h);
    note("KWP");
    word room = i == 60 && e ? *(word *)f : 0;
    word result = real->call[i](a, (word)&pad, c, d, e, f, g, h);
    if (i == 60 && !e && !result && standing(i, "lengths")) *(word *)f -= 8;
    return i == 60 && e && room < *(word *)f ? 0x150 : result;
}

/* What this module is: an answer of its own, or none (1). */
static int is_so(int i, word *result, word a, word b, word c, word d, word e, word f, word g, word h) {
    static int as_user;
    struct order *o;
    if (i == 0 && standing(i, "parameters")) {
        const char *parameters = *(const char **)(a + 40);
        if (!parameters || strncmp(parameters, "configdir=", 10)) { *result = 0x07; return 1; }
        word standard[6] = { 0, 0, 0, 0, 2, 0 };
        *result = real->call[i]((word)standard, b, c, d, e, f, g, h);
        return 1;
    }
    for (int n = 0; i == 2 && n < ordered; n++)
        if (!strncmp(orders[n].kind, "is=", 3)) {
            *result = real->call[i](a, b, c, d, e, f, g, h);
            call_itself(orders[n].kind, (char *)a);
            return 1;
        }
    if ((i == 60 || i == 61) && standing(7, "kwp")) {
        *result = key_wrap(i, a, b, c, d, e, f, g, h);
        return 1;
    }
    if (i == 8 && b == 0x210B && standing(7, "kwp")) {
        *result = real->call[i](a, 0x210A, c, d, e, f, g, h);
        return 1;
    }
    if (i == 42) {
        word wanted = ((struct mechanism *)b)->type;
        for (int n = 0; n < ordered; n++)
            if (!strcmp(orders[n].kind, "refuse") && (word)orders[n].at == wanted) { *result = 0x70; return 1; }
    }
    if (i == 6) {
        *result = real->call[i](a, b, c, d, e, f, g, h);
        if (*result) return 1;
        /* CK_TOKEN_INFO: 32 + 32 + 16 + 16 bytes of text, then the flags. */
        word *flags = (word *)(b + 96);
        if ((o = standing(i, "flags"))) *flags |= (word)o->at;
        if ((o = standing(i, "no-flags"))) *flags &= ~(word)o->at;
        if (forced()) *flags |= 0x80000;
        /* serialNumber (16) before the flags; ten numbers and two versions after them, then utcTime (16). */
        if ((o = standing(i, "serial")) && *(char *)(b + 80) == ' ') {
            char digits[17];
            snprintf(digits, sizeof digits, "%-16ld", o->at);
            memcpy((char *)(b + 80), digits, 16);
        }
        if (standing(i, "clock")) {
            *flags |= 0x40;
            memcpy((char *)(b + 96 + 11 * 8 + 4), "half past nine  ", 16);
        }
        return 1;
    }
    if (i == 7 && (standing(i, "hide") || standing(i, "kwp"))) {
        word *listed = (word *)b, *count = (word *)c, kept = 0;
        *result = real->call[i](a, b, c, d, e, f, g, h);
        if (*result || !listed) return 1;
        for (word m = 0; m < *count; m++) {
            int hidden = 0;
            for (int n = 0; n < ordered; n++)
                hidden |= !strcmp(orders[n].kind, "hide") && (word)orders[n].at == listed[m];
            if (!hidden) listed[kept++] = listed[m] == 0x210A && standing(i, "kwp") ? 0x210B : listed[m];
        }
        *count = kept;
        return 1;
    }
    if (i == 20 && standing(i, "no-public-keys")) {
        struct attribute *template = (struct attribute *)b;
        for (word t = 0; t < c; t++)
            if (template[t].type == 0 && *(word *)template[t].value == 2) { *result = 0x13; return 1; }
    }
    if ((i == 20 || i == 61) && ((o = standing(i, "forget")) || (o = standing(i, "refuse-attribute")))) {
        struct attribute *given = (struct attribute *)(i == 20 ? b : f), kept[64];
        word count = i == 20 ? c : g, left = 0;
        for (word t = 0; t < count && t < 64; t++)
            if (given[t].type != (word)o->at) kept[left++] = given[t];
        if (left < count && !strcmp(o->kind, "refuse-attribute")) { *result = 0x12; return 1; }
        *result = i == 20 ? real->call[i](a, (word)kept, left, d, e, f, g, h)
                          : real->call[i](a, b, c, d, e, (word)kept, left, h);
        return 1;
    }
    if (i == 20 && standing(i, "no-secrets")) {
        struct attribute *template = (struct attribute *)b;
        for (word t = 0; t < c; t++)
            if (template[t].type == 0 && *(word *)template[t].value == 4) { *result = 0xD1; return 1; }
    }
    if ((i == 43 || i == 45) && standing(i, "spoil")) {
        unsigned char *signature = (unsigned char *)(i == 43 ? d : b);
        word *length = (word *)(i == 43 ? e : c);
        *result = real->call[i](a, b, c, d, e, f, g, h);
        if (*result == 0 && signature) signature[*length - 1] ^= 1;
        return 1;
    }
    if (i == 18) as_user = b == 1;
    if (forced() && as_user && (i == 26 || i == 20 || i == 22 || i == 60)) { *result = 0xA3; return 1; }
    if ((i == 10 && standing(i, "forced")) || (i == 11 && as_user && forced())) {
        *result = real->call[i](a, b, c, d, e, f, g, h);
        if (*result == 0) force(i == 10);
        return 1;
    }
    return 0;
}

static word forward(int i, word a, word b, word c, word d, word e, word f, word g, word h) {
    note(names[i]);
    word result;
    const char *kind = "";
    for (int o = 0; o < ordered; o++) {
        if (strcmp(names[i], orders[o].function)) continue;
        if (!strncmp(orders[o].kind, "rv=", 3) && orders[o].at == 0) return strtoul(orders[o].kind + 3, 0, 0);
        if (++orders[o].calls == orders[o].at) kind = orders[o].kind;
    }
    if (!*kind && is_so(i, &result, a, b, c, d, e, f, g, h)) return result;
    if (!strcmp(kind, "crash")) *(volatile int *)8 = 0;
    if (!strcmp(kind, "hang")) for (;;) pause();
    if (!strcmp(kind, "exit0")) exit(0);
    if (!strcmp(kind, "exit3")) exit(3);
    if (!strcmp(kind, "error")) return 0x30;
    if (!strncmp(kind, "rv=", 3)) return strtoul(kind + 3, 0, 0);
    if (!strcmp(kind, "print")) { printf("0000 hello from the module\n"); fflush(stdout); }
    if (!strcmp(kind, "remove")) {
        char command[4300];
        snprintf(command, sizeof command, "WORKER=%d sh '%s.sh'", (int)getpid(), self);
        if (system(command) != 0) return 0x05;
    }
    result = real->call[i](a, b, c, d, e, f, g, h);
    if (!strcmp(kind, "crash-after")) *(volatile int *)8 = 0;
    return strcmp(kind, "late-error") ? result : 0x30;
}

#define ONE(i) static word f##i(word a, word b, word c, word d, word e, word f, word g, word h) \
    { return forward(i, a, b, c, d, e, f, g, h); }
#define EACH(X) \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) \
    X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31) X(32) X(33) \
    X(34) X(35) X(36) X(37) X(38) X(39) X(40) X(41) X(42) X(43) X(44) X(45) X(46) X(47) X(48) X(49) \
    X(50) X(51) X(52) X(53) X(54) X(55) X(56) X(57) X(58) X(59) X(60) X(61) X(62) X(63) X(64) X(65) \
    X(66) X(67)
EACH(ONE)
#define NAME(i) f##i,
static struct list ours = { { 2, 40 }, { EACH(NAME) } };

word C_GetFunctionList(struct list **out) {
    Dl_info info;
    if (!dladdr((void *)C_GetFunctionList, &info)) return 0x05;
    snprintf(self, sizeof self, "%s", info.dli_fname);
    FILE *order = beside(".fault", "r");
    /* Whoever asks twice before C_Initialize has the same orders. */
    ordered = 0;
    if (order) {
        struct order *next = orders;
        while (ordered < 16 && fscanf(order, "%63s %li %63s", next->function, &next->at, next->kind) == 3) {
            for (int i = 0; i < 68; i++)
                if (!strcmp(next->kind, "missing") && !strcmp(next->function, names[i])) ours.call[i] = 0;
            ordered++, next++;
        }
        fclose(order);
    }
    void *library = dlopen(REAL_MODULE, RTLD_NOW | RTLD_LOCAL);
    if (!library) return 0x05;
    word (*get)(struct list **) = (word (*)(struct list **))dlsym(library, "C_GetFunctionList");
    if (!get || get(&real) != 0) return 0x05;
    *out = &ours;
    return 0;
}
