/* Opens a file, lets nobody else open it, and says so; ends with its stdin. */
#include <stdio.h>
#include <windows.h>

int main(int argc, char **argv)
{
    HANDLE file = INVALID_HANDLE_VALUE;
    if (argc == 2)
        file = CreateFileA(argv[1], GENERIC_READ, 0, NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    puts(file == INVALID_HANDLE_VALUE ? "failed" : "held");
    fflush(stdout);
    while (getchar() != EOF) {
    }
    return 0;
}
