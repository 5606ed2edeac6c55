/* What ctypes calls: gives its input back, or 0 if there is no room for it. */
#include <stddef.h>
#include <string.h>

__attribute__((visibility("default"))) size_t echo(const char *given, size_t length, char *room,
                                                   size_t capacity) {
    if (length > capacity) {
        return 0;
    }
    memcpy(room, given, length);
    return length;
}
