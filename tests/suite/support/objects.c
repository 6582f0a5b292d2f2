/* Makes PKCS#11 objects of any attributes, and shows attributes: what pkcs11-tool cannot do.
 *
 *   objects TOKEN-LABEL PIN make ATTRIBUTE…            C_CreateObject with CKA_TOKEN true
 *   objects TOKEN-LABEL PIN show ATTRIBUTE… -- NUMBER  C_GetAttributeValue of the one object with these attributes, in hex;
 *                                                      "-" where it is not shown
 * An ATTRIBUTE is its number in hex, "=" and its value in hex; "n" before the value says CK_ULONG, and a template is
 * such attributes in braces, with commas between them: "40000212={162=00,100=n1f}".
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long word;
struct attribute { word type; void *value; word length; };
struct list { unsigned char version[2]; word (*call[68])(); };
enum { INITIALIZE = 0, SLOTS = 4, TOKEN = 6, OPEN = 12, LOGIN = 18, CREATE = 20, GET = 24, FIND = 26 };

static void must(word result, const char *what) {
    if (result) { fprintf(stderr, "%s: %#lx\n", what, result); exit(1); }
}

static int read_attributes(char **text, struct attribute *into, char end);

static void read_value(char **text, struct attribute *one) {
    if (**text == '{') {
        struct attribute *inner = calloc(16, sizeof *inner);
        ++*text;
        one->value = inner;
        one->length = read_attributes(text, inner, '}') * sizeof *inner;
    } else if (**text == 'n') {
        word *number = malloc(sizeof *number);
        *number = strtoul(*text + 1, text, 16);
        one->value = number;
        one->length = sizeof *number;
    } else {
        unsigned char *bytes = malloc(strlen(*text) / 2 + 1);
        unsigned byte;
        one->value = bytes;
        for (; sscanf(*text, "%2x", &byte) == 1; *text += 2) bytes[one->length++] = byte;
    }
}

static int read_attributes(char **text, struct attribute *into, char end) {
    int count = 0;
    while (**text && **text != end) {
        into[count].type = strtoul(*text, text, 16);
        ++*text;
        read_value(text, &into[count++]);
        if (**text == ',') ++*text;
    }
    if (**text) ++*text;
    return count;
}

int main(int argc, char **argv) {
    struct list *functions;
    void *module = dlopen(MODULE, RTLD_NOW);
    if (!module || argc < 5) return 2;
    must(((word (*)())dlsym(module, "C_GetFunctionList"))(&functions), "C_GetFunctionList");
    must(functions->call[INITIALIZE]((void *)0), "C_Initialize");
    word slots[64], count = 64, slot = -1, session, object, found = 0;
    must(functions->call[SLOTS](1, slots, &count), "C_GetSlotList");
    for (word i = 0; i < count; i++) {
        char info[512] = { 0 };
        functions->call[TOKEN](slots[i], info);
        if (!strncmp(info, argv[1], strlen(argv[1])) && info[strlen(argv[1])] == ' ') slot = slots[i];
    }
    must(functions->call[OPEN](slot, 6, 0, 0, &session), "C_OpenSession");
    must(functions->call[LOGIN](session, 1, argv[2], strlen(argv[2])), "C_Login");
    struct attribute given[64] = { 0 };
    int have = 0, at = 4;
    for (; at < argc && strcmp(argv[at], "--"); at++) {
        char *text = argv[at];
        have += read_attributes(&text, given + have, 0);
    }
    if (!strcmp(argv[3], "make")) {
        given[have++] = (struct attribute){ 1, "\1", 1 };
        must(functions->call[CREATE](session, given, have, &object), "C_CreateObject");
        return 0;
    }
    must(functions->call[FIND](session, given, have), "C_FindObjectsInit");
    must(functions->call[FIND + 1](session, &object, 1, &found), "C_FindObjects");
    must(found != 1, "objects");
    unsigned char value[4096];
    struct attribute asked = { strtoul(argv[at + 1], 0, 16), value, sizeof value };
    if (functions->call[GET](session, object, &asked, 1)) return puts("-"), 0;
    for (word i = 0; i < asked.length; i++) printf("%02x", value[i]);
    puts("");
    return 0;
}
