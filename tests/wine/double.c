/* A double of WinFsp's library, for Wine, which has no driver. It makes, mounts and ends file systems in name only, and plays
   the requests of a script, as the driver would send them, through the real library's own code, which checks access and packs
   and unpacks what is told. All else is the real library's (winfspreal.dll), to which scripts/windows.sh forwards it.

   %DOUBLE_SCRIPT% holds a request a line, its words parted by tabs; what comes of each goes to
   %DOUBLE_OUT%, behind a line `>`.

     volume                       sizes and label
     stat PATH                    attributes, size, room, times, number, links, name as it is told back
     security PATH                the security descriptor
     link PATH                    the target of a reparse point
     through PATH                 where an open leads that follows links
     list PATH ROOM PATTERN       all entries, with buffers of ROOM bytes
     from PATH MARKER             the entries behind MARKER, with one buffer
     entry PATH NAME              one entry, asked for by name
     read PATH OFFSET LENGTH      bytes
     create|write|delete PATH     opens that would write
     driver create|write|delete PATH   the same as the driver may, whom no access list stops
     change PATH WHAT             changes of an open file: times, rename, delete, room, size, bytes, overwrite
     end interrupt|lost           Ctrl-C; the driver goes

   Not shown by it: the driver with its checks and caches, requests at once, Explorer. */
#include "double.h"

#define EXPORT __declspec(dllexport)

FILE *out;
UINT64 token;
static WCHAR mount_point[MAX_PATH];
static int lost, interrupted;

const char *utf8(const WCHAR *text, int units)
{
    static char buffer[4][4096];
    static int turn;
    char *to = buffer[turn++ % 4];
    int length = WideCharToMultiByte(CP_UTF8, 0, text, units, to, 4095, 0, 0);
    to[length > 0 ? length : 0] = 0;
    return to;
}

/* The real library lies beside this one, where nobody looks for it by its name alone. */
static void load_real(void)
{
    WCHAR path[MAX_PATH];
    GetModuleFileNameW(GetModuleHandleA("winfsp-x64.dll"), path, MAX_PATH - 16);
    wcscpy(wcsrchr(path, L'\\') + 1, L"winfspreal.dll");
    if (!LoadLibraryW(path))
        abort();
}

EXPORT NTSTATUS FspFileSystemCreate(PWSTR device, const FSP_FSCTL_VOLUME_PARAMS *params,
    const FSP_FILE_SYSTEM_INTERFACE *answers, FSP_FILE_SYSTEM **made)
{
    FSP_FILE_SYSTEM *system = calloc(1, sizeof *system);
    const char *path = getenv("DOUBLE_OUT");
    load_real();
    out = path ? fopen(path, "wb") : stdout;
    system->Version = sizeof *system;
    system->Interface = answers;
    system->UmFileContextIsUserContext2 = !!params->UmFileContextIsUserContext2;
    system->UmFileContextIsFullContext = !!params->UmFileContextIsFullContext;
    fprintf(out, "create %s %s read-only=%d case=%d unit=%d\n", utf8(device, -1), utf8(params->FileSystemName, -1),
        params->ReadOnlyVolume, params->CaseSensitiveSearch, params->SectorSize * params->SectorsPerAllocationUnit);
    *made = system;
    return STATUS_SUCCESS;
}

EXPORT VOID FspFileSystemDelete(FSP_FILE_SYSTEM *system)
{
    fprintf(out, "deleted\n");
    fflush(out);
    free(system);
}

EXPORT NTSTATUS FspFileSystemSetMountPoint(FSP_FILE_SYSTEM *system, PWSTR point)
{
    if (point && !wcscmp(point, L"T:"))
        return STATUS_OBJECT_NAME_COLLISION;
    wcsncpy(mount_point, point ? point : L"Z:", MAX_PATH - 1);
    system->MountPoint = mount_point;
    fprintf(out, "mounted %s\n", utf8(mount_point, -1));
    return STATUS_SUCCESS;
}

EXPORT VOID FspFileSystemRemoveMountPoint(FSP_FILE_SYSTEM *system)
{
    if (system->MountPoint)
        fprintf(out, "unmounted\n");
    system->MountPoint = 0;
}

EXPORT VOID FspFileSystemSetOperationGuardStrategyF(FSP_FILE_SYSTEM *system,
    FSP_FILE_SYSTEM_OPERATION_GUARD_STRATEGY strategy)
{
    system->OpGuardStrategy = strategy;
}

static void run(FSP_FILE_SYSTEM *system, char *line)
{
    char *words[WORDS] = { "", "", "", "", "" };
    WCHAR wide[WORDS][UNITS] = { 0 };
    int count = 0;
    for (char *word = strtok(line, "\t\r\n"); word && count < WORDS; word = strtok(0, "\t\r\n")) {
        MultiByteToWideChar(CP_UTF8, 0, word, -1, wide[count], UNITS - 1);
        words[count++] = word;
    }
    if (!count)
        return;
    fprintf(out, ">\n");
    if (strcmp(words[0], "end"))
        play(system, words, wide);
    else if (!strcmp(words[1], "lost"))
        lost = 1;
    else
        interrupted = 1;
}

static DWORD WINAPI dispatch(void *context)
{
    FSP_FILE_SYSTEM *system = context;
    HANDLE own, copy = 0;
    static char line[4096];
    const char *path = getenv("DOUBLE_SCRIPT");
    FILE *script = path ? fopen(path, "r") : 0;
    OpenProcessToken(GetCurrentProcess(), TOKEN_DUPLICATE | TOKEN_QUERY, &own);
    DuplicateTokenEx(own, TOKEN_ALL_ACCESS, 0, SecurityImpersonation, TokenImpersonation, &copy);
    token = (UINT_PTR)copy;
    while (script && fgets(line, sizeof line, script))
        run(system, line);
    if (script)
        fclose(script);
    fprintf(out, "done\n");
    fflush(out);
    if (interrupted)
        GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0);
    if (lost && system->Interface->DispatcherStopped)
        system->Interface->DispatcherStopped(system, FALSE);
    return 0;
}

EXPORT NTSTATUS FspFileSystemStartDispatcher(FSP_FILE_SYSTEM *system, ULONG threads)
{
    (void)threads;
    system->DispatcherThread = CreateThread(0, 0, dispatch, system, 0, 0);
    return STATUS_SUCCESS;
}

EXPORT VOID FspFileSystemStopDispatcher(FSP_FILE_SYSTEM *system)
{
    if (!system->DispatcherThread)
        return;
    WaitForSingleObject(system->DispatcherThread, INFINITE);
    CloseHandle(system->DispatcherThread);
    system->DispatcherThread = 0;
    if (!lost && system->Interface->DispatcherStopped)
        system->Interface->DispatcherStopped(system, TRUE);
}
