/* Fills a token fast: fill MODULE LABEL PIN COUNT SIZE (PKCS#11 v2.40).
 * SIZE 0 makes AES-256 keys that may leave the token, another one data objects of so many bytes.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long word;
typedef word (*function)(word, word, word, word, word, word, word, word);
struct list { unsigned char version[2]; function call[68]; };
struct attribute { word type; void *value; word length; };

static struct list *p11;

static word call(const char *what, int i, word a, word b, word c, word d, word e, word f) {
    word result = p11->call[i](a, b, c, d, e, f, 0, 0);
    if (result) { fprintf(stderr, "%s: 0x%lx\n", what, result); exit(1); }
    return result;
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    void *library = dlopen(argv[1], RTLD_NOW);
    word (*get)(struct list **) = library ? (word (*)(struct list **))dlsym(library, "C_GetFunctionList") : 0;
    if (!get || get(&p11)) return 2;
    call("C_Initialize", 0, 0, 0, 0, 0, 0, 0);
    word slots[64], count = 64, session = 0;
    call("C_GetSlotList", 4, 1, (word)slots, (word)&count, 0, 0, 0);
    for (word s = 0; s < count && !session; s++) {
        unsigned char info[256] = { 0 };
        call("C_GetTokenInfo", 6, slots[s], (word)info, 0, 0, 0, 0);
        if (strncmp((char *)info, argv[2], strlen(argv[2])) || info[strlen(argv[2])] != ' ') continue;
        call("C_OpenSession", 12, slots[s], 6, 0, 0, (word)&session, 0);
    }
    if (!session) return 3;
    call("C_Login", 18, session, 1, (word)argv[3], strlen(argv[3]), 0, 0);
    int many = atoi(argv[4]);
    word size = strtoul(argv[5], 0, 10), data = 0, aes = 0x1f, length = 32, made;
    unsigned char yes = 1, no = 0, *value = calloc(1, size + 1), id[4];
    char label[32];
    for (int n = 0; n < many; n++) {
        snprintf(label, sizeof label, "object-%d", n);
        for (int b = 0; b < 4; b++) id[b] = (unsigned char)(n >> (24 - 8 * b));
        if (size) {
            for (int b = 0; b < 4 && (word)b < size; b++) value[b] = id[b];
            struct attribute object[] = {
                { 0, &data, sizeof data }, { 1, &yes, 1 }, { 2, &no, 1 }, { 3, label, strlen(label) },
                { 0x11, value, size },
            };
            call("C_CreateObject", 20, session, (word)object, 5, (word)&made, 0, 0);
        } else {
            word mechanism[3] = { 0x1080, 0, 0 };
            struct attribute key[] = {
                { 1, &yes, 1 }, { 2, &yes, 1 }, { 3, label, strlen(label) }, { 0x102, id, 4 },
                { 0x161, &length, sizeof length }, { 0x100, &aes, sizeof aes }, { 0x162, &yes, 1 },
                { 0x103, &yes, 1 },
            };
            call("C_GenerateKey", 58, session, (word)mechanism, (word)key, 8, (word)&made, 0);
        }
    }
    return 0;
}
