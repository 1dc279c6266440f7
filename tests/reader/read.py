#!/usr/bin/env python3
"""An independent reader of the repository format, written from docs/format.md (version 2) alone.

    read.py REPOSITORY

verifies all that it reads and prints what every snapshot of the log holds, then the tags. Sections and
names are those of the page. What is damaged is reported on stderr, and reading goes on where it can.
Exit status: 0 all is well, 1 something is damaged, 2 not readable by this program, 77 no zstd.
"""

import os, re, stat, struct, sys

try:
    import zstandard
    ZstdError = zstandard.ZstdError
    def unzstd(data, length, prefix):
        """The content of one zstd frame, compressed after a prefix (or none); a byte more if it is longer."""
        raw = prefix and zstandard.ZstdCompressionDict(prefix, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        return zstandard.ZstdDecompressor(dict_data=raw or None).stream_reader(data).read(length + 1)
except ImportError:
    try:
        from compression import zstd
        ZstdError = zstd.ZstdError
        def unzstd(data, length, prefix):
            raw = zstd.ZstdDict(prefix, is_raw=True).as_prefix if prefix else None
            return zstd.ZstdDecompressor(zstd_dict=raw).decompress(data, length + 1)
    except ImportError:
        print("read.py: neither the module zstandard nor compression.zstd (Python 3.14) is there")
        sys.exit(77)

MIB = 1 << 20

class Damaged(Exception):
    """The bytes are not what the page says."""

class Unsupported(Exception):
    """The bytes are of a newer program."""

PROBLEMS = Damaged, Unsupported, OSError

def check(condition, complaint):
    if not condition:
        raise Damaged(complaint)

# ---- BLAKE3 ----------------------------------------------------------------------------------------
#
# The numbers of many chunks are computed at once: an int has a "lane" of 64 bits for each chunk, with
# a number of 32 bits in it. `ones` has a 1 in each lane: so ones * x is x in all lanes.

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
MIXED = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
         (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
CHUNK_START, CHUNK_END, PARENT, ROOT, KEYED_HASH, DERIVE_KEY_CONTEXT, DERIVE_KEY_MATERIAL = (
    1, 2, 4, 8, 16, 32, 64)

def compress(cv, words, counter, length, flags, ones=1):
    """The compression function: 16 numbers. `counter` is a pair, its low and its high half."""
    mask = ones * 0xFFFFFFFF
    v = [*cv, *(ones * x for x in IV[:4]), *counter, ones * length, ones * flags]
    for _ in range(7):
        for n, (a, b, c, d) in enumerate(MIXED):
            va, vb, vc, vd = v[a], v[b], v[c], v[d]
            for word, r, s in ((words[2 * n], 16, 12), (words[2 * n + 1], 8, 7)):
                va = (va + vb + word) & mask
                vd ^= va
                vd = (vd >> r | vd << 32 - r) & mask
                vc = (vc + vd) & mask
                vb ^= vc
                vb = (vb >> s | vb << 32 - s) & mask
            v[a], v[b], v[c], v[d] = va, vb, vc, vd
        words = [words[p] for p in PERMUTATION]
    return [v[i] ^ v[i + 8] for i in range(8)] + [v[i + 8] ^ cv[i] for i in range(8)]

def to_lanes(numbers):
    return int.from_bytes(struct.pack("<%dQ" % len(numbers), *numbers), "little")

def from_lanes(lanes, count):
    return struct.unpack("<%dQ" % count, lanes.to_bytes(8 * count, "little"))

def full_chunks(data, key, flags):
    """The chaining values of the chunks of 1024 bytes, from chunk 0 on."""
    count = len(data) // 1024
    ones = to_lanes([1] * count)
    numbers = struct.unpack("<%dI" % (256 * count), data)
    counter = to_lanes(range(count)), 0
    cv = [ones * x for x in key]
    for block in range(16):
        words = [to_lanes(numbers[16 * block + w::256]) for w in range(16)]
        place = (CHUNK_START if block == 0 else 0) | (CHUNK_END if block == 15 else 0)
        cv = compress(cv, words, counter, 64, flags | place, ones)[:8]
    return list(zip(*(from_lanes(x, count) for x in cv)))

def parents(cvs, key, flags):
    """The chaining values of the parents of neighbours; an odd one at the end stays."""
    count = len(cvs) // 2
    ones = to_lanes([1] * count)
    left, right = zip(*cvs[0:2 * count:2]), zip(*cvs[1:2 * count:2])
    words = [to_lanes(x) for x in (*left, *right)]
    made = compress([ones * x for x in key], words, (0, 0), 64, flags | PARENT, ones)[:8]
    return list(zip(*(from_lanes(x, count) for x in made))) + cvs[2 * count:]

def blake3_python(data, key=IV, flags=0, length=32):
    data = bytes(data)
    before_last = max(0, len(data) - 1) // 1024
    # The last chunk, up to its last block
    last = data[1024 * before_last:]
    blocks = [last[i:i + 64] for i in range(0, len(last), 64)] or [b""]
    cv, counter, place = key, (before_last, 0), CHUNK_START
    for block in blocks[:-1]:
        cv = compress(cv, struct.unpack("<16I", block), counter, 64, flags | place)[:8]
        place = 0
    words = struct.unpack("<16I", blocks[-1].ljust(64, b"\0"))
    end, place = len(blocks[-1]), place | CHUNK_END
    if before_last:
        cvs = full_chunks(data[:1024 * before_last], key, flags)
        cvs.append(compress(cv, words, counter, end, flags | place)[:8])
        while len(cvs) > 2:
            cvs = parents(cvs, key, flags)
        cv, words, end, place = key, [*cvs[0], *cvs[1]], 64, PARENT
    # The root; its counter counts the 64 bytes of extended output
    output = b"".join(struct.pack("<16I", *compress(cv, words, (n, 0), end, flags | place | ROOT))
                      for n in range((length + 63) // 64))
    return output[:length]

def key_words(key):
    return struct.unpack("<8I", key)

try:
    import blake3
    def plain_hash(data):
        return blake3.blake3(data).digest()
    def keyed_hash(key, data, length=32):
        return blake3.blake3(data, key=key).digest(length=length)
    def derive_key(context, secret):
        return blake3.blake3(secret, derive_key_context=context).digest()
except ImportError:
    plain_hash = blake3_python
    def keyed_hash(key, data, length=32):
        return blake3_python(data, key_words(key), KEYED_HASH, length)
    def derive_key(context, secret):
        key = blake3_python(context.encode(), IV, DERIVE_KEY_CONTEXT)
        return blake3_python(secret, key_words(key), DERIVE_KEY_MATERIAL)

# ---- Files: access to the folder -------------------------------------------------------------------

NAME = re.compile("[0-9a-f]{64}")
NUMBER = re.compile("(?!0{20})[0-9]{20}")
problems = 0

def note(what):
    """What is said, but is no damage."""
    print("read.py: note:", what, file=sys.stderr)

def report(what):
    global problems
    problems += 1
    print("read.py:", what, file=sys.stderr)

def attempt(what, function, *arguments):
    """What the function returns; or None, and what is wrong is reported."""
    try:
        return function(*arguments)
    except PROBLEMS as error:
        report("%s: %s" % (what, error))

def open_file(name, folder=None, folder_wanted=False):
    """A handle. Only in the repository's own path a link is followed."""
    flags = os.O_RDONLY | os.O_NONBLOCK | (os.O_NOFOLLOW if folder is not None else 0)
    handle = os.open(name, flags, dir_fd=folder)
    mode = os.fstat(handle).st_mode
    if not (stat.S_ISDIR(mode) if folder_wanted else stat.S_ISREG(mode)):
        os.close(handle)
        raise OSError("%s is neither a file nor a folder, as it should be" % name)
    return handle

def read_file(folder, name, limit):
    with open(open_file(name, folder), "rb") as file:
        data = file.read(limit + 1)
    check(len(data) <= limit, "%s is too long" % name)
    return data

def object_names(name, folder, pattern=NAME):
    """A folder's handle, and the names of the objects in it."""
    handle = open_file(name, folder, True)
    names = sorted(os.listdir(handle))
    for other in names:
        if not pattern.fullmatch(other):
            report("%s/%s has no place here" % (name, other))
    return handle, [name for name in names if pattern.fullmatch(name)]

# ---- Numbers and bytes -----------------------------------------------------------------------------

class Bytes:
    """Reads a layout from its begin to its end."""
    def __init__(self, data):
        self.data, self.at = data, 0
    def left(self):
        return len(self.data) - self.at
    def take(self, length):
        check(length <= self.left(), "it ends early")
        self.at += length
        return self.data[self.at - length:self.at]
    def number(self, size):
        return int.from_bytes(self.take(size), "little")
    def u8(self):
        return self.number(1)
    def varint(self, least=0, limit=2 ** 64 - 1):
        value = 0
        for n in range(10):
            byte = self.u8()
            value |= (byte & 0x7F) << 7 * n
            if byte < 0x80:
                check(byte != 0 or n == 0, "a varint is not in its shortest form")
                check(least <= value <= limit, "the number %d is out of range" % value)
                return value
        raise Damaged("a varint has more than 10 bytes")
    def bytes(self, limit, least=0):
        return self.take(self.varint(least, limit))
    def time(self):
        seconds = self.varint()
        return (seconds >> 1) ^ -(seconds & 1), self.varint(0, 10 ** 9 - 1)
    def id(self):
        return self.take(32)
    def flag(self):
        value = self.u8()
        check(value <= 1, "a flag is %d" % value)
        return value == 1
    def end(self):
        check(self.left() == 0, "something follows it")

# ---- Keys ------------------------------------------------------------------------------------------

class Keys:
    def __init__(self, secret):
        self.blob_id = derive_key("yester 2026 blob id", secret)
        self.object_name = derive_key("yester 2026 object name", secret)
        self.seal = derive_key("yester 2026 seal", secret)
        self.path = derive_key("yester 2026 path", secret)
    def of_object(self, salt):
        return keyed_hash(self.seal, salt)

def mac(key, data):
    return keyed_hash(key, data)[:16]

# ---- Parts -----------------------------------------------------------------------------------------

def read_parts(data, known=()):
    """The bodies of the known parts by their numbers. Parts are the last that a layout has."""
    parts = read_inner_parts(data, known)
    data.end()
    return parts

def read_inner_parts(data, known=()):
    """The same of a layout inside of another one: the state in a reset."""
    parts = {}
    for _ in range(data.varint(0, 65536)):
        head = data.varint()
        number, required = head >> 1, head & 1
        body = data.bytes(65535)
        if number in known:
            check(number not in parts, "part %d is there twice" % number)
            parts[number] = Bytes(body)
        elif required:
            raise Unsupported("part %d is required and not known: a newer program made it" % number)
    return parts

# ---- config ----------------------------------------------------------------------------------------

def read_config(folder):
    data = read_file(folder, "config", MIB)
    check(data[:8] == b"YESTREPO", "this is no repository")
    version = int.from_bytes(data[8:12], "little")
    if version != 2:
        raise Unsupported("the repository has version %d; this program reads 2" % version)
    check(len(data) >= 12 + 16 + 32 + 16 and plain_hash(data[:-16])[:16] == data[-16:], "wrong checksum")
    config = Bytes(data[12:-16])
    config.take(16)
    secret = config.take(32)
    config.time()
    read_parts(config)
    return Keys(secret)

# ---- Object and frame ------------------------------------------------------------------------------

HEADER, FRAME, TRAILER = 64, 28, 48
CATALOGUE_NUMBER = 2 ** 32 - 1

def read_header(header, magic, keys):
    """The salt, the key and the length of the parity data of an object."""
    check(len(header) == HEADER and header[:8] == magic, "it does not begin with a header")
    salt = header[16:48]
    key = keys.of_object(salt)
    check(mac(key, header[:48]) == header[48:], "the MAC of its header is wrong")
    if header[8] != 0 or header[9] != 0:
        raise Unsupported("algorithm %d, bits %d: a newer program made it" % (header[8], header[9]))
    return salt, key, int.from_bytes(header[12:16], "little")

def read_frame(frame, magic, number, key):
    """The body of a frame that ends where the given bytes end."""
    check(len(frame) >= FRAME and frame[:4] == magic, "no frame %s is there" % magic.decode())
    length, body = int.from_bytes(frame[8:12], "little"), frame[FRAME:]
    check(length == len(body) <= 64 * MIB, "the length of a frame is wrong")
    sealed = frame[:8] + length.to_bytes(8, "little") + body
    check(mac(key, sealed) == frame[12:28], "the MAC of frame %d is wrong" % number)
    check(int.from_bytes(frame[4:8], "little") == number, "a frame has another number")
    return body

def read_object(folder, name, magic, frame_magic, limit, keys):
    """The body of a manifest or checkpoint."""
    return object_body(read_file(folder, name, limit), magic, frame_magic, keys)

def object_body(data, magic, frame_magic, keys):
    _, key, parity = read_header(data[:HEADER], magic, keys)
    return read_frame(data[HEADER:len(data) - parity], frame_magic, 0, key)

# ---- Pack and catalogue ----------------------------------------------------------------------------

class Block:
    """What the catalogue says of a block. Its blobs are tuples: length, id, base (None in a full block)."""
    def __init__(self, *said):
        self.pack, self.number, self.offset, self.length, self.delta, self.blobs = said

class Pack:
    def __init__(self, folder, name, keys):
        self.folder, self.name = folder, name
        handle = open_file(name, folder)
        size = os.fstat(handle).st_size
        os.close(handle)
        check(HEADER + FRAME + TRAILER <= size <= 1024 * MIB, "its size is out of range")
        salt, self.key, parity = read_header(self.read(0, HEADER), b"YESTPACK", keys)
        trailer = Bytes(self.read(size - TRAILER, TRAILER))
        offset, length = trailer.number(8), trailer.number(4)
        check(trailer.take(32) == salt and trailer.take(4) == b"YEND", "its trailer is wrong")
        check(offset + length + parity + TRAILER == size, "its catalogue is in a wrong place")
        body = read_frame(self.read(offset, length), b"YCAT", CATALOGUE_NUMBER, self.key)
        check(keyed_hash(keys.object_name, salt + body).hex() == name, "it has another id than its name")
        self.read_catalogue(Bytes(body), offset)
    def read(self, offset, length):
        handle = open_file(self.name, self.folder)
        try:
            return os.pread(handle, length, offset)
        finally:
            os.close(handle)
    def read_catalogue(self, data, end):
        self.kind = data.u8()
        check(self.kind <= 1, "its kind is not known")
        self.blocks, offset = [], HEADER
        for number in range(data.varint(0, data.left())):
            length = data.varint()
            length, delta = length >> 1, length & 1 == 1
            blobs = [(data.varint(0, 16 * MIB), data.id(), data.take(16) if delta else None)
                     for _ in range(data.varint(0, data.left()))]
            self.blocks.append(Block(self, number, offset, length, delta, blobs))
            offset += length
        read_parts(data)
        check(offset == end, "its blocks do not end where its catalogue begins")

def find_packs(repository, keys):
    """All packs, also those in a wrong folder."""
    packs, found, top = [], [], open_file("packs", repository, True)
    for name in sorted(os.listdir(top)):
        if NAME.fullmatch(name):
            found.append((top, "", name))
        elif len(name) == 2:
            folder, names = attempt("packs/" + name, object_names, name, top) or (top, [])
            found += [(folder, name, pack) for pack in names]
        else:
            report("packs/%s has no place here" % name)
    for folder, name, pack in found:
        if pack[:2] != name:
            report("pack %s is misplaced" % pack)
        packs.append(attempt("pack " + pack, Pack, folder, pack, keys))
    return [pack for pack in packs if pack]

# ---- Block -----------------------------------------------------------------------------------------

STORED, ZSTD, DELTA = 0, 1, 2

class Store:
    """The blobs of all packs."""
    def __init__(self, packs, keys):
        self.keys = keys
        self.places = {}  # by the first 16 bytes of an id
        self.cache = {}  # blobs of the blocks read last
        for pack in packs:
            for block in pack.blocks:
                for n, (_, id, _) in enumerate(block.blobs):
                    self.places.setdefault(id[:16], []).append((block, n))
    def blob(self, id):
        """A blob by its id, or by the first 16 bytes: then it is a base, and not read from deltas."""
        failure = Damaged("blob %s is missing" % id.hex())
        for block, n in self.places.get(id[:16], ()):
            if (len(id) == 16 and block.delta) or not block.blobs[n][1].startswith(id):
                continue
            try:
                return self.read_block(block)[n]
            except (Damaged, OSError) as error:
                failure = error
        raise failure
    def read_block(self, block):
        if block not in self.cache:
            while len(self.cache) >= 256:
                del self.cache[next(iter(self.cache))]
            try:
                self.cache[block] = self.decode_block(block)
            except (Damaged, ZstdError) as error:
                raise Damaged("pack %s, block %d: %s" % (block.pack.name, block.number, error)) from None
        return self.cache[block]
    def decode_block(self, block):
        frame = block.pack.read(block.offset, block.length)
        body = Bytes(read_frame(frame, b"YBLK", block.number, block.pack.key))
        codec = body.u8()
        check(codec <= DELTA and (codec == DELTA) == block.delta, "its codec is wrong")
        lengths = [body.varint() for _ in range(body.varint(0, body.left()))]
        check(lengths == [length for length, _, _ in block.blobs], "other lengths than in the catalogue")
        check(sum(lengths) <= 16 * MIB, "it is too large")
        prefix = b""
        if codec == DELTA:
            bases = [body.take(16) for _ in lengths]
            check(bases == [base for _, _, base in block.blobs], "other bases than in the catalogue")
            prefix = b"".join(self.blob(base) for base in bases)
            check(len(prefix) <= 16 * MIB, "its bases are too large")
        content = body.take(body.left())
        if codec != STORED:
            content = unzstd(content, sum(lengths), prefix)
        check(len(content) == sum(lengths), "its content has another length")
        content = Bytes(content)
        blobs = [content.take(length) for length in lengths]
        for blob, (_, id, _) in zip(blobs, block.blobs):
            check(keyed_hash(self.keys.blob_id, blob) == id, "blob %s has another id" % id.hex())
        return blobs


# ---- Directory -------------------------------------------------------------------------------------

def read_directory(store, id, levels=8):
    """The (name, bytes of the item) of a directory: of a node and all below it, in order."""
    node = Bytes(store.blob(id))
    kind, count = node.u8(), node.varint(0, 65536)
    items = []
    check(kind in (1, 2), "a node has kind %d" % kind)
    check(kind == 1 or (count > 0 and levels > 0), "an inner node is empty, or too deep")
    for _ in range(count):
        name = node.take(node.u8())
        check(len(name) > 0 and b"/" not in name and b"\0" not in name and name not in (b".", b".."),
              "a name in a directory is not allowed")
        if kind == 1:
            below = [(name, node.bytes(2 * 65536))]
        else:
            number = node.varint(1)
            below = read_directory(store, node.id(), levels - 1)
            check(len(below) == number, "a node has another number of items than its parent says")
            check(below[-1][0] == name, "a node has another last name than its parent says")
        check(not items or items[-1][0] < below[0][0], "names do not ascend")
        items += below
    node.end()
    return items

# ---- Entry -----------------------------------------------------------------------------------------

FILE, DIRECTORY, LINK, CHARACTER, BLOCK, FIFO, SOCKET = range(1, 8)
NOT_READ, LEFT_OUT = 8, 9  # in place of a type: why a name has no entry
CONTENT, ATTRIBUTES, BELOW, EXCLUDED, INSIDE = 1, 2, 4, 8, 16  # gaps

class Entry:
    def __init__(self, store, data):
        data = Bytes(data)
        head = data.u8()
        self.type, self.unsettled = head & 15, head & 0x40 != 0
        check(1 <= self.type <= 7 and head & 0x30 != 0x30, "an entry's type is wrong")
        check(self.type == FILE or not self.unsettled, "only a file can change while it is read")
        self.gaps, self.lacks = 0, None
        if head & 0x80:
            self.gaps = data.u8()
            check(1 <= self.gaps <= 31, "an entry's gaps are wrong")
            check(self.type == DIRECTORY or self.gaps < BELOW, "only a directory has gaps below")
        if self.gaps & CONTENT:
            check(self.type in (FILE, DIRECTORY, LINK), "an entry without content lacks it")
            self.lacks = read_reason(data)
        self.mode, self.uid, self.gid = data.varint(0, 0o7777), data.varint(0, 2**32 - 1), data.varint(
            0, 2**32 - 1)
        self.time = data.time()
        if self.type == FILE:
            self.size = data.varint(0, 2**62 - 1)
            if not self.lacks:
                self.holes = data.varint(0, self.size)
                self.content = read_content(data, self.size)
        elif self.type == DIRECTORY:
            self.id = data.id()
        elif self.type == LINK and not self.lacks:
            self.target = data.bytes(65535, 1)
        elif self.type in (CHARACTER, BLOCK):
            self.device = data.varint(0, 2**32 - 1), data.varint(0, 2**32 - 1)
        self.attributes, self.device = [], getattr(self, "device", ())
        if head & 0x10:
            self.attributes = read_attributes(data.bytes(512, 1))
        elif head & 0x20:
            self.attributes = read_attributes(store.blob(data.id()))
        data.end()
        # What it adds to the gaps of the directory that it is in
        self.gaps_above = ((BELOW if self.gaps & (CONTENT | ATTRIBUTES | BELOW) else 0)
                           | (EXCLUDED if self.gaps & (EXCLUDED | INSIDE) else 0))

class NoEntry:
    """A name without an entry: it was excluded, or not read for a reason."""
    def __init__(self, data):
        data = Bytes(data)
        self.reason = read_reason(data) if data.u8() == NOT_READ else None
        data.end()
        self.gaps_above = BELOW if self.reason else EXCLUDED

def read_item(store, data):
    return NoEntry(data) if data[:1] in (bytes([NOT_READ]), bytes([LEFT_OUT])) else Entry(store, data)

def read_reason(data):
    """The error, and the id of the content when it was last read (or None)."""
    error = data.bytes(255)
    try:
        error.decode()
    except UnicodeDecodeError:
        raise Damaged("a reason is not UTF-8") from None
    return error, data.id() if data.flag() else None

def read_content(data, size):
    """Where a file's content is: ("inline", bytes), ("blob", id) or ("list", id)."""
    kind = data.u8()
    check(kind <= 2, "a file's content has a kind that is not known")
    if kind == 0:
        check(size <= 32, "too much content is inline")
        return "inline", data.take(size)
    return ("blob" if kind == 1 else "list"), data.id()

def read_attributes(data):
    data, attributes = Bytes(data), []
    for _ in range(data.varint(0, 32768)):
        attributes.append((data.bytes(255), data.bytes(65536)))
        check(len(attributes) == 1 or attributes[-2][0] < attributes[-1][0], "attributes do not ascend")
    data.end()
    return attributes

# ---- Chunk list ------------------------------------------------------------------------------------

def content(store, size, where):
    """The bytes of a file, and how many of them are in holes."""
    kind, value = where
    check(size <= 1024 * MIB, "a file of %d bytes is too large for this reader" % size)
    if kind == "inline":
        return value, 0
    pieces, holes = ([store.blob(value)], 0) if kind == "blob" else chunk_list(store, value, size)
    data = b"".join(pieces)
    check(len(data) == size, "a file's content has another length than the file")
    return data, holes

def chunk_list(store, id, size, level=None):
    """The pieces that a list covers, and how many bytes of them are in holes."""
    data = Bytes(store.blob(id))
    own = data.u8()
    check(own <= 8 if level is None else own == level, "a chunk list has a wrong level")
    pieces, holes, covered = [], 0, 0
    for _ in range(data.varint(0, 65536)):
        extent = data.varint()
        length, kind = extent >> 2, extent & 3
        covered += length
        check(0 < length and covered <= size, "an extent has a wrong length")
        check(kind == 2 if own > 0 else kind < 2, "an extent has a wrong kind")
        if kind == 0:
            pieces.append(store.blob(data.id()))
            check(len(pieces[-1]) == length, "a chunk has another length than its extent")
        elif kind == 1:
            pieces.append(bytes(length))
            holes += length
        else:
            more, more_holes = chunk_list(store, data.id(), length, own - 1)
            pieces, holes = pieces + more, holes + more_holes
    data.end()
    check(covered == size, "a chunk list covers another length than it should")
    return pieces, holes

# ---- Hard links ------------------------------------------------------------------------------------

ROOT_KEY = bytes(16)

def path_key(keys, directory, name):
    return directory[4:8] + keyed_hash(keys.path, directory + name)[:12]

def read_hard_links(data):
    """By path key: the least path key of the file's names, and their number."""
    table, last, names = {}, None, {}
    for at in range(0, len(data), 36):
        key, least, count = data[at:at + 16], data[at + 16:at + 32], data[at + 32:at + 36]
        check(last is None or last < key, "a record of the hard links is out of order")
        count = int.from_bytes(count, "little")
        check(least <= key and count >= 2, "a record of the hard links is wrong")
        table[key], last = (least, count), key
        names.setdefault((least, count), []).append(key)
    for (least, count), group in names.items():
        check(len(group) == count and group[0] == least, "a file has another number of names")
    return table

# ---- Manifest --------------------------------------------------------------------------------------

def read_source(data):
    source = data.bytes(255, 1)
    check(not re.search(rb"[/\0]|\A@|\A\.\.?\Z", source), "a source's name is not allowed")
    return source

STATUS = "complete", "vanished", "partial", "limited", "approximate", "unknown"

class Manifest:
    def __init__(self, body):
        data, self.named = Bytes(body), body
        self.source = read_source(data)
        self.time, self.begun = data.time(), data.time()
        status = data.u8()
        check(status < len(STATUS), "its status is not known")
        self.status = STATUS[status]
        self.root = data.bytes(2 * 65536)
        self.links_length = data.varint()
        check(self.links_length % 36 == 0, "its table of hard links has a wrong length")
        self.links = read_content(data, self.links_length)
        self.totals = [data.varint() for _ in range(5)]
        self.host, self.path = data.bytes(65535), data.bytes(65535)
        self.after = data.id() if data.flag() else None
        parts = read_parts(data, (1, 3, 4, 5, 6))  # part 2 is skipped
        self.run = self.read_run(parts[1]) if 1 in parts else None
        self.unread = self.read_unread(parts[3]) if 3 in parts else None
        if 4 in parts:
            for _ in range(parts[4].varint()):
                parts[4].varint(0, 0o7777), parts[4].varint(), parts[4].varint(), parts[4].flag()
        if 5 in parts:
            parts[5].bytes(64), parts[5].varint()
            parts[5].flag() and parts[5].time()
            parts[5].bytes(65535)
        if 6 in parts:
            self.original = parts[6].take(16), parts[6].id()
        for part in parts.values():
            part.end()
    @staticmethod
    def read_run(part):
        identity, times = part.bytes(4096, 1), part.u8()
        check(times <= 7, "a run has times that are not known")
        names = [name for n, name in enumerate(("began", "completed", "expires")) if times >> n & 1]
        return identity, [(name, part.time()) for name in names]
    @staticmethod
    def read_unread(part):
        beyond = part.varint()
        paths = [part.bytes(8192) for _ in range(part.varint(0, part.left()))]
        check(paths == sorted(set(paths)), "paths that could not be read do not ascend")
        return beyond, paths

# ---- Record: labels, tags and the state -------------------------------------------------------------

def read_tag_name(data):
    tag = data.bytes(100, 1)
    try:
        name = tag.decode()
    except UnicodeDecodeError:
        raise Damaged("a tag's name is not UTF-8") from None
    check(not re.search(r'[\s\x00-\x1f\x7f-\x9f/@:~<>"\\|?*]|\.\.|\.\Z|\A[-.#]', name),
          "a tag's name is not allowed")
    return tag

def read_ids(data):
    return [data.id() for _ in range(data.varint(0, data.left() // 32))]

def check_ascending(values, what):
    check(all(a < b for a, b in zip(values, values[1:])), "%s do not ascend" % what)

class Label:
    """What a snapshot is known by."""
    def __init__(self, source, time, number):
        self.source, self.time, self.number = source, time, number
        # What only one snapshot may have, ever: of the time only the second counts
        self.key = source, time[0], number
    def __eq__(self, other):
        return (self.source, self.time, self.number) == (other.source, other.time, other.number)
    def renamed(self, source):
        return Label(source, self.time, self.number)

def read_label(data):
    return Label(read_source(data), data.time(), data.varint(1))

class State:
    """What the records up to a number amount to; of no record at first."""
    def __init__(self):
        self.number, self.hash, self.pruned = 0, bytes(32), 0
        self.packs, self.snapshots, self.tags = set(), {}, {}  # id: (label, earlier labels); (id, name): time
        self.meanings = {}  # which snapshot a label means or meant, by its key
    def may_have(self, id, labels):
        """Checks that these labels never meant another snapshot; they may be the last thing to check."""
        for label in labels:
            check(self.meanings.get(label.key, id) == id, "a label meant another snapshot once")
    def set_labels(self, id, label, earlier):
        self.snapshots[id] = label, earlier
        earlier[:] = [each for each in earlier if each != label]
        for each in (label, *earlier):
            self.meanings[each.key] = id
    def counting(self, id):
        check(id in self.snapshots, "snapshot %s does not count" % id.hex())
        return self.snapshots[id]
    def same(self, other):
        """Whether a checkpoint says the same."""
        return all(getattr(self, field) == getattr(other, field)
                   for field in ("number", "hash", "pruned", "packs", "snapshots", "tags"))

def read_state(data):
    """A state, in a reset or a checkpoint."""
    state = State()
    state.number, state.hash, state.pruned = data.varint(), data.take(32), data.varint()
    check(state.pruned <= state.number, "a state was pruned after its last record")
    packs = read_ids(data)
    check_ascending(packs, "the packs of a state")
    state.packs = set(packs)
    for _ in range(data.varint(0, data.left())):
        id, label = data.id(), read_label(data)
        earlier = [read_label(data) for _ in range(data.varint(0, data.left()))]
        check(id > next(reversed(state.snapshots), b""), "the snapshots of a state do not ascend")
        state.may_have(id, [label, *earlier])
        state.set_labels(id, label, earlier)
    for _ in range(data.varint(0, data.left())):
        tag = data.id(), read_tag_name(data)
        check(tag > next(reversed(state.tags), ()), "the tags of a state do not ascend")
        state.counting(tag[0])
        state.tags[tag] = data.time()
    read_inner_parts(data)
    return state

# ---- Record ----------------------------------------------------------------------------------------

RECORD_LIMIT = 64 * MIB
COMMIT, TAG, UNTAG, AMEND, RENAME, RESET, VOID = 1, 4, 5, 7, 8, 9, 10

class Record:
    def __init__(self, data, number, keys):
        self.hash = keyed_hash(keys.object_name, data)
        body = Bytes(object_body(data, b"YESTRECS", b"YREC", keys))
        self.number, self.before = body.varint(1), body.take(32)
        check(self.number == number, "it has another number than its name")
        check(number > 1 or self.before == bytes(32), "the first record names one before it")
        self.transaction = body.take(16)
        self.pruned = body.varint(0, number - 1)
        self.time, self.host, self.user = body.time(), body.bytes(255), body.bytes(255)
        self.kind = body.u8()
        if self.kind not in CHANGES:
            raise Unsupported("its kind %d is not known: a newer program made it" % self.kind)
        read_fields, self.change = CHANGES[self.kind]
        self.fields = read_fields(body)
        read_parts(body)
        if self.kind == RESET:
            state, lost = self.fields
            check(state.number == number - 1, "a reset has the state of another number")
            check_ascending(lost, "the lost records of a reset")
            check(not lost or 1 <= lost[0] and lost[-1] < number, "a reset has lost what is not before it")

def apply(state, record):
    """The state after the record; what must be checked is checked before the state changes."""
    check(record.number == state.number + 1, "record %d is missing" % (state.number + 1))
    if record.kind != RESET:
        check(record.before == state.hash, "the hash of the record before it is wrong")
        check(record.pruned == state.pruned, "it names another record as the last that pruned")
    return changed(state, record)

def changed(state, record):
    state = record.change(state, record, *record.fields) or state
    state.number, state.hash = record.number, record.hash
    if record.kind == RESET:
        state.pruned = record.number
    return state

def read_commit(data):
    return data.id(), read_label(data), read_ids(data)

def commit(state, record, id, label, packs):
    if id in state.snapshots:
        check(label == state.snapshots[id][0], "the snapshot has another label")
    else:
        state.may_have(id, [label])
        state.set_labels(id, label, [])
    state.packs.update(packs)

def read_tag(data):
    return data.id(), read_tag_name(data)

def tag(state, record, id, name):
    state.counting(id)
    check((id, name) not in state.tags, "the snapshot has the tag already")
    state.tags[id, name] = record.time

def untag(state, record, id, name):
    check((id, name) in state.tags, "the snapshot does not have the tag")
    del state.tags[id, name]

def read_amend(data):
    return data.id(), read_label(data), read_label(data)

def amend(state, record, id, before, after):
    label, earlier = state.counting(id)
    check(label == before, "the snapshot has another label than the one before")
    state.may_have(id, [after])
    state.set_labels(id, after, [*earlier, before])

def read_rename(data):
    return read_source(data), read_source(data)

def rename(state, record, before, after):
    sources = {label.source for label, _ in state.snapshots.values()}
    check(before in sources, "no snapshot has the source's name before")
    check(after not in sources, "a snapshot has the source's new name")
    renamed = [(id, label, earlier) for id, (label, earlier) in state.snapshots.items()
               if label.source == before]
    for id, label, _ in renamed:
        state.may_have(id, [label.renamed(after)])
    for id, label, earlier in renamed:
        state.set_labels(id, label.renamed(after), [*earlier, label])

def read_reset(data):
    return read_state(data), [data.varint() for _ in range(data.varint(0, data.left()))]

def reset(state, record, new, lost):
    return new

def read_void(data):
    return ()

def void(state, record):
    check(False, "it stands for a record that is lost")

CHANGES = {COMMIT: (read_commit, commit), TAG: (read_tag, tag), UNTAG: (read_tag, untag),
           AMEND: (read_amend, amend), RENAME: (read_rename, rename), RESET: (read_reset, reset),
           VOID: (read_void, void)}

class Log:
    """The records and checkpoints. A reset and a checkpoint are starts: what is before them is not needed."""
    def __init__(self, repository, keys):
        self.keys = keys
        self.records, names = object_names("log", repository, NUMBER)
        self.numbers = [int(name) for name in names]
        self.checkpoints = read_checkpoints(repository, keys)
    def record(self, number):
        name = "%020d" % number
        check(number in self.numbers, "the record is missing")
        return Record(read_file(self.records, name, RECORD_LIMIT), number, self.keys)
    def hash(self, number):
        return keyed_hash(self.keys.object_name, read_file(self.records, "%020d" % number, RECORD_LIMIT))
    def replay(self):
        """The state after the last record."""
        state, last = State(), max([0, *self.numbers, *self.checkpoints])
        while state.number < last:
            number = state.number + 1
            try:
                state = apply(state, self.record(number))
                self.compare_checkpoint(state)
            except PROBLEMS as error:
                start = self.start_from(number, last)
                if not start:
                    report("record %d is refused, and with it all after it: %s" % (number, error))
                    return state
                what, state = start
                (note if what == "reset" else report)("record %d is refused: %s; going on from the %s %d" % (
                    number, error, what, state.number))
        return state
    def start_from(self, number, last):
        """The state at the newest reset or checkpoint from this number on."""
        for at in range(last, number - 1, -1):
            try:
                record = self.record(at)
                if record.kind == RESET:
                    return "reset", changed(None, record)
            except PROBLEMS:
                pass
            if at in self.checkpoints and (at not in self.numbers or attempt(
                    "record %d" % at, self.hash, at) == self.checkpoints[at].hash):
                return "checkpoint", self.checkpoints[at]
    def compare_checkpoint(self, state):
        if not self.checkpoints.get(state.number, state).same(state):
            report("checkpoint %d has another state than the records" % state.number)

def read_log(repository, keys):
    return Log(repository, keys).replay()

# ---- Checkpoint ------------------------------------------------------------------------------------

def read_checkpoints(repository, keys):
    """The states by their numbers. One that cannot be read is passed over."""
    if "state" not in os.listdir(repository):
        return {}
    handle, names = object_names("state", repository, NUMBER)
    read_all = {int(name): attempt("state/" + name, read_checkpoint, handle, name, keys) for name in names}
    return {number: state for number, state in read_all.items() if state}

def read_checkpoint(folder, name, keys):
    data = Bytes(read_object(folder, name, b"YESTSTAT", b"YCHK", HEADER + FRAME + 64 * MIB, keys))
    state = read_state(data)
    data.end()
    check(state.number == int(name), "it has another number than its name")
    return state

# ---- What is printed -------------------------------------------------------------------------------

def escaped(data):
    special = {9: "\\t", 10: "\\n", 13: "\\r", 34: '\\"', 39: "\\'", 92: "\\\\"}
    return "".join(special.get(b) or (chr(b) if 32 <= b < 127 else "\\x%02x" % b) for b in data)

def quoted(data):
    return '"%s"' % escaped(data)

def shown(data, limit=64):
    return quoted(data) if len(data) <= limit else "blake3 " + plain_hash(data).hex()

def reason_text(reason):
    error, before = reason
    return "%s, before %s" % (shown(error, 60), before.hex() if before else "nothing")

def time_text(time):
    return "%d.%09d" % time

class Printer:
    def __init__(self, store, keys):
        self.store, self.keys = store, keys
        self.directories, self.contents = {}, {}  # so that what snapshots share is read once
        self.lines, self.files = [], 0
    def file_text(self, entry):
        known = entry.size, entry.content
        if known not in self.contents:
            data, holes = content(self.store, entry.size, entry.content)
            self.contents[known] = shown(data), holes
        text, holes = self.contents[known]
        check(holes == entry.holes, "a file has other holes than its entry says")
        return text
    def item_line(self, path, item, names):
        if isinstance(item, Entry):
            return self.entry_line(path, item, names)
        return escaped(path) + (" not read: " + reason_text(item.reason) if item.reason else " excluded")
    def entry_line(self, path, entry, names):
        if entry.type == FILE:
            self.files += 1
            kind = "file of %d bytes" % entry.size
            if not entry.lacks:
                kind += ", %d in holes, %d names: %s" % (entry.holes, names, self.file_text(entry))
        elif entry.type == LINK:
            kind = "link" if entry.lacks else "link to " + quoted(entry.target)
        else:
            kind = {DIRECTORY: "directory", CHARACTER: "character device %d,%d", BLOCK: "block device %d,%d",
                    FIFO: "fifo", SOCKET: "socket"}[entry.type] % entry.device
        if entry.lacks:
            kind += ", lacks content: " + reason_text(entry.lacks)
        more = " unsettled" if entry.unsettled else ""
        more += "".join(text for gap, text in (
            (ATTRIBUTES, " lacks xattrs"), (BELOW, " gaps below"), (EXCLUDED, " excluded below"),
            (INSIDE, " left out"))
            if entry.gaps & gap)
        more += "".join(" [%s %s]" % (escaped(name), shown(value)) for name, value in entry.attributes)
        return "%s %04o %d:%d %s %s%s" % (
            escaped(path), entry.mode, entry.uid, entry.gid, time_text(entry.time), kind, more)
    def directory(self, id):
        """The (name, item) of a directory, and the gaps below that they give it."""
        if id not in self.directories:
            items = [(name, read_item(self.store, data)) for name, data in read_directory(self.store, id)]
            gaps = 0
            for _, item in items:
                gaps |= item.gaps_above
            self.directories[id] = items, gaps
        return self.directories[id]
    def tree_lines(self, manifest):
        links = read_hard_links(content(self.store, manifest.links_length, manifest.links)[0])
        lines, found = [], 0
        root = Entry(self.store, manifest.root)
        check(root.type == DIRECTORY, "its root is no directory")
        stack = [(b".", ROOT_KEY, root)]
        while stack:
            path, key, item = stack.pop()
            # A name without an entry has no part in hard links: such a record counts as not found
            found += key in links and isinstance(item, Entry)
            lines.append(self.item_line(path, item, links.get(key, (key, 1))[1]))
            if isinstance(item, Entry) and item.type == DIRECTORY:
                items, gaps = self.directory(item.id)
                check(item.gaps & (BELOW | EXCLUDED) == gaps, "%s has other gaps below than its items" %
                      escaped(path))
                for name, below in reversed(items):
                    below_key = path_key(self.keys, key, name) if links else ROOT_KEY
                    stack.append((path + b"/" + name, below_key, below))
        check(found == len(links), "its table of hard links has paths that are not in the tree")
        return lines
    def snapshot(self, manifest, label):
        lines = self.tree_lines(manifest)
        print("\n%s at %s, begun at %s, %s, from %s:%s%s" % (
            escaped(label.source), time_text(label.time), time_text(manifest.begun), manifest.status,
            escaped(manifest.host), escaped(manifest.path), ", after another" if manifest.after else ""))
        if manifest.run:
            identity, times = manifest.run
            print(", ".join(["run " + quoted(identity)] + ["%s %s" % (n, time_text(t)) for n, t in times]))
        print("Totals { files: %d, directories: %d, others: %d, bytes: %d, troubled: %d }" %
              tuple(manifest.totals))
        before, now = set(self.lines), set(lines)
        print("%d lines, of them new:" % len(lines))
        print("\n".join(line for line in lines if line not in before))
        print("and gone:")
        print("\n".join(line for line in self.lines if line not in now))
        self.lines = lines

def read_manifests(repository, keys):
    """The manifests by their ids, also those that no record names."""
    handle, names = object_names("snapshots", repository)
    def read(name):
        body = read_object(handle, name, b"YESTSNAP", b"YSNP", MIB, keys)
        check(keyed_hash(keys.object_name, body).hex() == name, "it has another id than its name")
        return Manifest(body)
    read_all = {bytes.fromhex(name): attempt("snapshots/" + name, read, name) for name in names}
    return {id: made for id, made in read_all.items() if made}

def report_difference(what, stored, known):
    """What the log names must be there. What it does not name is no damage: an import was interrupted."""
    for id in sorted(known - stored):
        report("%s %s is missing" % (what, id.hex()))
    for id in sorted(stored - known):
        note("%s %s is in no record and does not count" % (what, id.hex()))

def main(path):
    repository = open_file(path, None, True)
    keys = read_config(repository)
    state = read_log(repository, keys)
    all_packs = find_packs(repository, keys)
    report_difference("pack", {bytes.fromhex(pack.name) for pack in all_packs}, state.packs)
    packs = [pack for pack in all_packs if bytes.fromhex(pack.name) in state.packs]
    store = Store(packs, keys)
    printer = Printer(store, keys)
    manifests = read_manifests(repository, keys)
    report_difference("snapshot", set(manifests), set(state.snapshots))
    order = sorted((label.time, label.source, label.number, id)
                   for id, (label, _) in state.snapshots.items() if id in manifests)
    for *_, id in order:
        attempt("snapshot " + id.hex(), printer.snapshot, manifests[id], state.snapshots[id][0])
    for (id, name), time in sorted(state.tags.items()):
        print("tag %s of %s, given at %s: snapshot %s" % (
            name.decode(), escaped(state.snapshots[id][0].source), time_text(time), id.hex()))
    # What no snapshot refers to is verified too. Packs that do not count may need each other's bases
    everything = Store(all_packs, keys)
    for pack in all_packs:
        for block in pack.blocks:
            attempt("pack", (store if pack in packs else everything).read_block, block)
    blocks = [block for pack in packs for block in pack.blocks]
    print("read.py: %d records, %d packs, %d blocks (%d deltas), %d blobs, %d snapshots, %d files; "
          "%d problems" % (
        state.number, len(packs), len(blocks), sum(b.delta for b in blocks), sum(len(b.blobs) for b in blocks),
        len(order), printer.files, problems), file=sys.stderr)
    return 1 if problems else 0

if __name__ == "__main__":
    if len(sys.argv) != 2:
        print("usage: read.py REPOSITORY", file=sys.stderr)
        sys.exit(2)
    try:
        sys.exit(main(sys.argv[1]))
    except PROBLEMS as failure:
        print("read.py: %s: %s" % (sys.argv[1], failure), file=sys.stderr)
        sys.exit(2)
