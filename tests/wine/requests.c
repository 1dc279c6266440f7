/* The requests of a script, as the driver makes them of a file system. */
#include "double.h"

#include <sddl.h>

static union {
    FSP_FSCTL_TRANSACT_REQ it;
    char room[FSP_FSCTL_TRANSACT_REQ_SIZEMAX];
} request;
static union {
    FSP_FSCTL_TRANSACT_RSP it;
    char room[FSP_FSCTL_TRANSACT_RSP_SIZEMAX];
} response;
/* The file that is open. */
static struct {
    UINT64 context, context2;
} opened;

static NTSTATUS call(FSP_FILE_SYSTEM *system, const char *operation)
{
    char name[64];
    snprintf(name, sizeof name, "FspFileSystemOp%s", operation);
    FSP_FILE_SYSTEM_OPERATION *run = (void *)GetProcAddress(GetModuleHandleA("winfspreal.dll"), name);
    memset(&response, 0, sizeof response);
    response.it.Size = sizeof response.it;
    return run(system, &request.it, &response.it);
}

/* Begins a request of an open file. */
#define BEGIN(kind) \
    (memset(&request, 0, sizeof request), request.it.Size = sizeof request.it, \
        request.it.Kind = FspFsctlTransact##kind##Kind, request.it.Req.kind.UserContext = opened.context, \
        request.it.Req.kind.UserContext2 = opened.context2)

/* Puts a text behind what the request holds already. */
static FSP_FSCTL_TRANSACT_BUF put(int at, const WCHAR *text)
{
    FSP_FSCTL_TRANSACT_BUF place = { at, 2 * (wcslen(text) + 1) };
    memcpy(request.it.Buffer + at, text, place.Size);
    return place;
}

static NTSTATUS open(FSP_FILE_SYSTEM *system, const WCHAR *path, UINT32 disposition, UINT32 options, UINT32 access,
    int by_user)
{
    memset(&request, 0, sizeof request);
    request.it.Size = sizeof request.it;
    request.it.Kind = FspFsctlTransactCreateKind;
    request.it.FileName = put(0, path);
    request.it.Req.Create.CreateOptions = disposition << 24 | options;
    request.it.Req.Create.DesiredAccess = access;
    request.it.Req.Create.GrantedAccess = by_user ? 0 : access;
    request.it.Req.Create.AccessToken = token;
    request.it.Req.Create.UserMode = by_user;
    request.it.Req.Create.HasTraversePrivilege = 1;
    request.it.Req.Create.ShareAccess = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    NTSTATUS status = call(system, "Create");
    opened.context = response.it.Rsp.Create.Opened.UserContext;
    opened.context2 = response.it.Rsp.Create.Opened.UserContext2;
    return status;
}

static NTSTATUS open_to_read(FSP_FILE_SYSTEM *system, const WCHAR *path)
{
    return open(system, path, FILE_OPEN, FILE_OPEN_REPARSE_POINT, FILE_GENERIC_READ, 1);
}

static void close_it(FSP_FILE_SYSTEM *system)
{
    BEGIN(Close);
    call(system, "Close");
}

static void tell_info(const FSP_FSCTL_FILE_INFO *info)
{
    fprintf(out, "attributes=%x tag=%x size=%llu room=%llu created=%llu written=%llu id=%llx links=%u",
        info->FileAttributes, info->ReparseTag, info->FileSize, info->AllocationSize, info->CreationTime,
        info->LastWriteTime, info->IndexNumber, info->HardLinks);
}

static int tell_entries(const char *buffer, ULONG length, WCHAR *last, int *count)
{
    for (ULONG at = 0; at + sizeof(UINT16) <= length;) {
        const FSP_FSCTL_DIR_INFO *entry = (const void *)(buffer + at);
        if (!entry->Size)
            return 0;
        int units = (entry->Size - sizeof *entry) / sizeof(WCHAR);
        UINT32 bits = entry->FileInfo.FileAttributes;
        memcpy(last, entry->FileNameBuf, units * sizeof(WCHAR));
        last[units] = 0;
        fprintf(out, "%c%c %llu %s\n", bits & FILE_ATTRIBUTE_DIRECTORY ? 'd' : '-',
            bits & FILE_ATTRIBUTE_REPARSE_POINT ? 'l' : '-', entry->FileInfo.FileSize, utf8(last, units));
        ++*count;
        at += FSP_FSCTL_DEFAULT_ALIGN_UP(entry->Size);
    }
    return 1;
}

static void list(FSP_FILE_SYSTEM *system, ULONG room, const WCHAR *pattern, const WCHAR *after, int once)
{
    char *buffer = malloc(room);
    WCHAR last[512] = L"";
    int count = 0, buffers = 0, more = 1;
    NTSTATUS status = STATUS_SUCCESS;
    wcsncpy(last, after, 511);
    while (more) {
        BEGIN(QueryDirectory);
        request.it.Req.QueryDirectory.Address = (UINT_PTR)buffer;
        request.it.Req.QueryDirectory.Length = room;
        if (*pattern)
            request.it.Req.QueryDirectory.Pattern = put(0, pattern);
        if (*last)
            request.it.Req.QueryDirectory.Marker = put(1024, last);
        status = call(system, "QueryDirectory");
        if (status || !response.it.IoStatus.Information)
            break;
        ++buffers;
        more = tell_entries(buffer, response.it.IoStatus.Information, last, &count) && !once;
    }
    fprintf(out, "listed %08lx %d entries in %s\n", status, count,
        buffers == 0 ? "none" : buffers == 1 ? "one buffer" : "many buffers");
    free(buffer);
}

static void entry(FSP_FILE_SYSTEM *system, const WCHAR *name)
{
    char buffer[2048];
    WCHAR last[512];
    int count = 0;
    BEGIN(QueryDirectory);
    request.it.Req.QueryDirectory.Address = (UINT_PTR)buffer;
    request.it.Req.QueryDirectory.Length = sizeof buffer;
    request.it.Req.QueryDirectory.Pattern = put(0, name);
    request.it.Req.QueryDirectory.PatternIsFileName = 1;
    NTSTATUS status = call(system, "QueryDirectory");
    if (!status)
        tell_entries(buffer, response.it.IoStatus.Information, last, &count);
    fprintf(out, "entry %08lx %d\n", status, count);
}

static void read(FSP_FILE_SYSTEM *system, UINT64 offset, ULONG length)
{
    char *buffer = calloc(1, length + 1);
    BEGIN(Read);
    request.it.Req.Read.Address = (UINT_PTR)buffer;
    request.it.Req.Read.Offset = offset;
    request.it.Req.Read.Length = length;
    NTSTATUS status = call(system, "Read");
    ULONG got = status ? 0 : response.it.IoStatus.Information;
    fprintf(out, "read %08lx %lu ", status, got);
    for (ULONG at = 0; at < got; ++at)
        fprintf(out, "%02x", (unsigned char)buffer[at]);
    fprintf(out, "\n");
    free(buffer);
}

static void security(FSP_FILE_SYSTEM *system)
{
    BEGIN(QuerySecurity);
    NTSTATUS status = call(system, "QuerySecurity");
    char *text = 0;
    if (!status)
        ConvertSecurityDescriptorToStringSecurityDescriptorA(
            response.it.Buffer + response.it.Rsp.QuerySecurity.SecurityDescriptor.Offset, SDDL_REVISION_1,
            OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &text, 0);
    fprintf(out, "security %08lx %s\n", status, text ? text : "");
}

/* What a reparse point of a link holds. */
static void tell_link(const char *verb, NTSTATUS status, FSP_FSCTL_TRANSACT_BUF place)
{
    const char *data = (const char *)response.it.Buffer + place.Offset;
    const UINT16 *fields = (const UINT16 *)(data + 8);
    fprintf(out, "%s %08lx tag=%x relative=%d %s\n", verb, status, *(const UINT32 *)data, fields[4],
        utf8((const WCHAR *)(data + 20 + fields[0]), fields[1] / 2));
}

static void reparse_target(FSP_FILE_SYSTEM *system, const WCHAR *path)
{
    BEGIN(FileSystemControl);
    request.it.Req.FileSystemControl.FsControlCode = FSCTL_GET_REPARSE_POINT;
    request.it.FileName = put(0, path);
    NTSTATUS status = call(system, "FileSystemControl");
    if (status)
        fprintf(out, "link %08lx\n", status);
    else
        tell_link("link", status, response.it.Rsp.FileSystemControl.Buffer);
}

static void change(FSP_FILE_SYSTEM *system, const WCHAR *path, const char *what)
{
    static const struct {
        const char *name;
        UINT32 class;
    } kinds[] = { { "times", 4 }, { "rename", 10 }, { "delete", 13 }, { "room", 19 }, { "size", 20 } };
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    char byte = 'x';
    if (!strcmp(what, "bytes")) {
        BEGIN(Write);
        request.it.Req.Write.Address = (UINT_PTR)&byte;
        request.it.Req.Write.Length = 1;
        status = call(system, "Write");
    } else if (!strcmp(what, "overwrite")) {
        BEGIN(Overwrite);
        status = call(system, "Overwrite");
        /* An open that could not overwrite has failed as a whole: the library has closed the file. */
        if (status)
            opened.context = opened.context2 = 0;
    }
    for (int at = 0; at < 5; ++at) {
        if (strcmp(what, kinds[at].name))
            continue;
        BEGIN(SetInformation);
        request.it.Req.SetInformation.FileInformationClass = kinds[at].class;
        request.it.FileName = put(0, path);
        if (kinds[at].class == 10) {
            request.it.Req.SetInformation.Info.Rename.NewFileName = put(1024, L"\\other");
            request.it.Req.SetInformation.Info.Rename.AccessToken = token;
        } else if (kinds[at].class == 13)
            request.it.Req.SetInformation.Info.Disposition.Delete = 1;
        status = call(system, "SetInformation");
    }
    fprintf(out, "%s %08lx\n", what, status);
}

static void write_attempt(FSP_FILE_SYSTEM *system, const char *verb, const WCHAR *path, int by_user)
{
    NTSTATUS status;
    if (!strcmp(verb, "create"))
        status = open(system, path, FILE_CREATE, 0, FILE_GENERIC_READ | FILE_GENERIC_WRITE, by_user);
    else if (!strcmp(verb, "delete"))
        status = open(system, path, FILE_OPEN, FILE_DELETE_ON_CLOSE, DELETE, by_user);
    else
        status = open(system, path, FILE_OPEN, 0, FILE_GENERIC_WRITE, by_user);
    fprintf(out, "%s %08lx\n", verb, status);
    if (!status)
        close_it(system);
}

static void through(FSP_FILE_SYSTEM *system, const WCHAR *path)
{
    NTSTATUS status = open(system, path, FILE_OPEN, 0, FILE_GENERIC_READ, 1);
    if (status == STATUS_REPARSE) {
        /* The driver passes it on to Windows, which opens what it leads to. */
        tell_link("through", status, response.it.Rsp.Create.Reparse.Buffer);
        return;
    }
    fprintf(out, "through %08lx\n", status);
    if (!status)
        close_it(system);
}

static void volume(FSP_FILE_SYSTEM *system)
{
    memset(&request, 0, sizeof request);
    request.it.Size = sizeof request.it;
    NTSTATUS status = call(system, "QueryVolumeInformation");
    const FSP_FSCTL_VOLUME_INFO *info = &response.it.Rsp.QueryVolumeInformation.VolumeInfo;
    fprintf(out, "volume %08lx total=%llu free=%llu label=%s\n", status, info->TotalSize, info->FreeSize,
        utf8(info->VolumeLabel, info->VolumeLabelLength / sizeof(WCHAR)));
}

static void stat_it(FSP_FILE_SYSTEM *system)
{
    FSP_FSCTL_TRANSACT_BUF name = response.it.Rsp.Create.Opened.FileName;
    const char *told = utf8((const WCHAR *)(response.it.Buffer + name.Offset), name.Size / sizeof(WCHAR));
    BEGIN(QueryInformation);
    NTSTATUS status = call(system, "QueryInformation");
    fprintf(out, "stat %08lx ", status);
    tell_info(&response.it.Rsp.QueryInformation.FileInfo);
    fprintf(out, " name=%s\n", told);
}

static void with_open_file(FSP_FILE_SYSTEM *system, const char *verb, char **words, WCHAR wide[WORDS][UNITS])
{
    NTSTATUS status = open_to_read(system, wide[1]);
    if (status) {
        fprintf(out, "%s %08lx\n", verb, status);
        return;
    }
    if (!strcmp(verb, "stat"))
        stat_it(system);
    else if (!strcmp(verb, "security"))
        security(system);
    else if (!strcmp(verb, "link"))
        reparse_target(system, wide[1]);
    else if (!strcmp(verb, "list"))
        list(system, atoi(words[2]), wide[3], L"", 0);
    else if (!strcmp(verb, "from"))
        list(system, 4096, L"", wide[2], 1);
    else if (!strcmp(verb, "entry"))
        entry(system, wide[2]);
    else if (!strcmp(verb, "read"))
        read(system, strtoull(words[2], 0, 10), strtoul(words[3], 0, 10));
    else if (!strcmp(verb, "change"))
        change(system, wide[1], words[2]);
    else
        fprintf(out, "unknown request\n");
    close_it(system);
}

void play(FSP_FILE_SYSTEM *system, char **words, WCHAR wide[WORDS][UNITS])
{
    const char *verb = words[0];
    if (!strcmp(verb, "volume"))
        volume(system);
    else if (!strcmp(verb, "through"))
        through(system, wide[1]);
    else if (!strcmp(verb, "driver"))
        write_attempt(system, words[1], wide[2], 0);
    else if (!strcmp(verb, "create") || !strcmp(verb, "write") || !strcmp(verb, "delete"))
        write_attempt(system, verb, wide[1], 1);
    else
        with_open_file(system, verb, words, wide);
}
