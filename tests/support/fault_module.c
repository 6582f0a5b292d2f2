/* A PKCS#11 module that forwards to a real one and misbehaves on order (PKCS#11 v2.40, CK_FUNCTION_LIST).
 *
 * The order is read from "<this file>.fault": function, number of its call (from 1), kind.
 *   crash   SIGSEGV before the call          crash-after   after it
 *   hang    never returns                    exit0, exit3  exit before the call
 *   error   CKR_DEVICE_ERROR, not done       late-error    done, then CKR_DEVICE_ERROR
 *   print   writes to stdout, then forwards  remove        runs "<this file>.sh", then forwards
 *   flags   of C_GetTokenInfo: every call shows the flags whose bits are the number, too
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
static char faulty[64], kind[64];
static int at, calls;

static FILE *beside(const char *suffix, const char *mode) {
    char path[4200];
    snprintf(path, sizeof path, "%s%s", self, suffix);
    return fopen(path, mode);
}

static word forward(int i, word a, word b, word c, word d, word e, word f, word g, word h) {
    FILE *log = beside(".log", "a");
    if (log) { fprintf(log, "%s\n", names[i]); fclose(log); }
    if (i == 6 && !strcmp(kind, "flags")) {
        word shown = real->call[i](a, b, c, d, e, f, g, h);
        /* CK_TOKEN_INFO: 32 + 32 + 16 + 16 bytes of text, then the flags. */
        if (shown == 0) *(word *)(b + 96) |= (word)at;
        return shown;
    }
    if (strcmp(names[i], faulty) != 0 || ++calls != at)
        return real->call[i](a, b, c, d, e, f, g, h);
    if (!strcmp(kind, "crash")) *(volatile int *)8 = 0;
    if (!strcmp(kind, "hang")) for (;;) pause();
    if (!strcmp(kind, "exit0")) exit(0);
    if (!strcmp(kind, "exit3")) exit(3);
    if (!strcmp(kind, "error")) return 0x30;
    if (!strcmp(kind, "print")) { printf("0000 hello from the module\n"); fflush(stdout); }
    if (!strcmp(kind, "remove")) {
        char command[4300];
        snprintf(command, sizeof command, "sh '%s.sh'", self);
        if (system(command) != 0) return 0x05;
    }
    word result = real->call[i](a, b, c, d, e, f, g, h);
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
    if (order) {
        if (fscanf(order, "%63s %d %63s", faulty, &at, kind) != 3) faulty[0] = 0;
        fclose(order);
    }
    void *library = dlopen(REAL_MODULE, RTLD_NOW | RTLD_LOCAL);
    if (!library) return 0x05;
    word (*get)(struct list **) = (word (*)(struct list **))dlsym(library, "C_GetFunctionList");
    if (!get || get(&real) != 0) return 0x05;
    *out = &ours;
    return 0;
}
