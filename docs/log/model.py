#!/usr/bin/env python3
"""
Model of the Yester repository protocol ("one log, one order"), see protocol.md.

An in-memory store; importers, prunes, readers, repairs and user commands (forget, shorten, undo,
tag, untag, amend, rename) run as coroutines that yield ONE store request at a time.  A random
scheduler interleaves the requests and injects faults:
  object store   crashes, arbitrary pauses, lost replies, requests that land long after their client
                 gave up, wrong client clocks
  local folder   (a quarter of the schedules) crashes and power losses: each name that was not synced
                 is kept or dropped; crashed imports go on with or without their journal
  damage         (--harm) log records and checkpoints vanish or become unreadable; then a repair
After every request that changed the store the promises S1-S4 are checked against the true state, at
a reset those of protocol.md section 7; after every schedule S5 (all garbage goes away).

  python3 model.py run --n 1000000 --seed 1 --procs 2    the protocol itself; must find nothing
  python3 model.py mutants --max 60000 --seed 1          remove each rule; must find a violation
  python3 model.py show --seed 12345 [--mutant NAME]     print one schedule request by request
  python3 model.py cost                                  count the requests of warm clients (S6)
Schedule number i of a run uses the seed  seed * 10**9 + i  ; `show --seed` takes that number, with
the same --harm and --late.  `mutants` uses --harm 1 for the D rules, --harm 0 --late 0.8 for I10.
"""
import argparse, collections, multiprocessing, random, sys, time

OK, EXISTS, ERR = "ok", "exists", "err"
# The unit of time is half an hour; what matters is only MARGIN < SKEW < GRACE.
GRACE = 4          # a forgotten snapshot stays readable and can be brought back for so long
SKEW = 2           # a client clock is right or wrong by this much, fast or slow
MARGIN = 1         # LastModified times of the store's nodes differ by up to this much
PAGE = 4           # names in one answer to a list request
HARM = 0.35        # share of the schedules with damage (--harm)
LATE = 0.0         # share of the faulty record puts that land after a crash (--late)
DELAY = 0          # time between the record that dooms a name and its deletion (--delay)

# ------------------------------------------------------------------ the rules, and how to drop them
MUTANTS = {   # name: (rule, what is left out)
 "commit_plain_put":   ("L1", "records are written with a plain put instead of put-if-absent"),
 "trim_log":           ("L2", "old log records are deleted after a checkpoint"),
 "lost_reply_is_fail": ("L3", "an error on the record put is reported as 'failed'"),
 "lost_reply_is_ok":   ("L3", "an error on the record put is taken for success (prune)"),
 "exists_is_mine":     ("L3", "'exists' is taken for our own earlier put without reading the slot"),
 "new_txn_on_error":   ("L3", "after an error start over with a new record, not repeat the same one"),
 "stale_pointer":      ("L4", "last_prune is copied from an old state, not from the head"),
 "no_recheck":         ("L5", "forget/undo/tag: after a lost race retry without checking again"),
 "imp_skip_replay":    ("I1", "importer learns the head number but does not read the prune records"),
 "imp_no_recheck":     ("I1", "importer: after a lost race retry without checking again"),
 "imp_jump":           ("I2", "importer jumps over records with a checkpoint"),
 "imp_no_reuse_check": ("I3", "importer does not re-check reused blobs against doomed packs"),
 "imp_no_base_check":  ("I4", "importer does not check that its base snapshot is unexpired"),
 "imp_no_own_pack":    ("I5", "importer does not check whether its own packs were doomed"),
 "imp_no_own_man":     ("I5", "importer does not check whether its own manifest was doomed"),
 "imp_unacked_pack":   ("I6", "importer announces a pack whose put was not acknowledged"),
 "imp_man_after":      ("I7", "importer writes the record before the manifest"),
 "imp_private_packs":  ("I8", "importer reuses blobs of packs it saw by listing, not in the log"),
 "imp_any_copy":       ("I9", "importer reuses a delta copy without checking its base chain"),
 "resume_blind":       ("I10", "a resumed import does not resolve the record it had tried"),
 "resume_open_is_lost":("I10", "a resumed import takes an empty number for 'not published'"),
 "journal_late":       ("I11", "the record is journalled after its first attempt, not before"),
 "journal_once":       ("I11", "after a lost race the journal keeps the first record"),
 "resume_jump":        ("I12", "a resumed import starts from the newest checkpoint"),
 "fast_is_cache":      ("I13", "the state of an import, which skips records, is kept as a cache"),
 "name_reuse":         ("N1", "pack names are pure content hashes; a doomed name can come back"),
 "man_reuse":          ("N1", "manifest names are pure content hashes; an expired name can come back"),
 "del_before_record":  ("P1", "prune deletes before its record is committed"),
 "orphan_direct":      ("P2", "prune deletes old unannounced packs without dooming them in a record"),
 "orphan_man_direct":  ("P2", "the same for unannounced manifests"),
 "prune_no_recheck":   ("P3", "prune: after a lost race retry with the old plan"),
 "split_record":       ("P4", "doom first, announce the rewritten packs in a second record"),
 "rewrite_late":       ("P4", "prune commits its record before its new packs are stored"),
 "prune_own_doomed":   ("P5", "prune announces its own new pack although another prune doomed it"),
 "prune_no_bases":     ("P6", "prune keeps needed blobs but not the bases of their deltas"),
 "prune_cycle":        ("P6", "prune accepts delta bases that go round in a circle"),
 "skip_unreadable":    ("P7", "prune treats a manifest it could not read as empty"),
 "no_grace":           ("P8", "forgotten snapshots are no roots during their grace time"),
 "no_margin":          ("P8", "no margin for different clocks of the store's nodes"),
 "client_clock":       ("P9", "prune judges the grace time with its own clock"),
 "client_forget_time": ("P9", "the time of a forget is taken from the client that wrote it"),
 "no_sweep":           ("P10", "prune deletes only what it doomed itself, once"),
 "no_orphans":         ("P11", "prune never dooms unannounced packs and manifests"),
 "ckpt_forgets":       ("P12", "with a delay: checkpoints drop the deletions that are still due"),
 "forget_move":        ("F1", "forget moves the manifest object instead of only writing a record"),
 "forget_any_tags":    ("T1", "forget does not check that the listed tags are those it has now"),
 "undo_any_tag":       ("T2", "undo does not check that the tags it gives back are free"),
 "tag_any_source":     ("T3", "tag does not check that the snapshot is in that source"),
 "forget_lm_only":     ("G1", "only the server's time of a forget counts, not the one it carries"),
 "forget_lengthen":    ("G2", "a second forget may also make the grace time longer"),
 "forget_unsaid":      ("G3", "a forget record does not say whether it is the first or shortens"),
 "shorten_live":       ("G3", "a shortening does not check that the snapshot is still forgotten"),
 "amend_any_was":      ("N2", "amend does not check what time and source were before"),
 "amend_leave_tags":   ("N3", "amend of the source leaves the tags in the old source"),
 "amend_taken":        ("N3", "amend does not check that its tags are free in the new source"),
 "rename_into":        ("N4", "rename does not check that the new name has no snapshots"),
 "rename_nothing":     ("N4", "rename does not check that the old name has snapshots"),
 "rename_live_only":   ("N5", "rename leaves out forgotten snapshots"),
 "rename_keep_tags":   ("N5", "rename leaves out the tags"),
 "rename_alias":       ("N6", "a rename also holds for later commits under the old name"),
 "packs_no_sync":      ("W1", "packs are not synced before the record"),
 "mans_no_sync":       ("W1", "the manifest is not synced before the record"),
 "ack_no_sync":        ("W2", "a record is acknowledged before log/ is synced"),
 "open_no_sync":       ("W3", "log/ is not synced before building on the records of others"),
 "resume_no_stat":     ("W4", "a resumed import believes its journal that its packs are stored"),
 "no_stop":            ("D1", "clients skip gaps and unreadable records"),
 "no_prev":            ("D2", "clients do not compare hashes (prev, last_prune, own head)"),
 "no_neighbours":      ("D3", "after a won number nobody looks at the numbers beside it"),
 "void_confirms":      ("D3", "a void record may be the fitting neighbour"),
 "reset_no_void":      ("D4", "repair does not fill the missing numbers"),
 "reset_low":          ("D5", "the reset is only above the numbers in log/"),
 "no_known":           ("D5", "repair does not compare the log with the numbers and hashes it knows"),
 "base_any_branch":    ("D5", "repair starts from a checkpoint although there was another branch"),
 "trust_branch":       ("D5", "repair trusts what a second branch has doomed"),
 "trust_unlinked":     ("D6", "repair trusts a record that the next one does not name"),
 "reset_no_unknown":   ("D7", "repair ignores manifests that no readable record announces"),
 "reset_keep_forgets": ("D8", "repair keeps a forget that a lost record may have undone"),
 "reset_no_copy":      ("D9", "repair calls packs live that a lost record may have doomed"),
 "reset_no_copy_man":  ("D9", "repair calls manifests live that a lost record may have doomed"),
 "repair_own_doomed":  ("D9", "repair announces its own copies although a prune has doomed them"),
 "reset_keep_own":     ("D10", "importer keeps its private packs over a reset"),
 "reset_keep_man":     ("D10", "importer keeps its manifest over a reset"),
 "reset_keep_new":     ("D10", "prune keeps its private packs over a reset"),
 "reset_twice":        ("D11", "importer does not look whether the reset has published it"),
 "reset_not_prune":    ("D12", "last_prune does not point at resets"),
 "reset_merge":        ("D13", "clients keep their doomed names over a reset"),
 "repair_no_lock":     ("D14", "local: repair runs while others do"),
 "read_no_refresh":    ("R1", "reader does not refresh after 'not found'"),
 "read_one_refresh":   ("R2", "reader gives up after one refresh"),
 "read_any_copy":      ("R3", "reader takes any copy, not one whose base chain is complete"),
}
class Mut: pass
M = Mut()
for _k in MUTANTS: setattr(M, _k, False)

class Violation(Exception): pass

# ------------------------------------------------------------------ blobs, packs, decodability
# A blob is one bit.  A pack is (mask of blobs stored whole, ((blob, base), ...) stored as deltas).
def dec(packs, have=0):
    """Blobs that can be rebuilt from these packs: least fixpoint, so circles do not count."""
    deltas = []
    for f, d in packs:
        have |= f
        if d: deltas.extend(d)
    again = bool(deltas)
    while again:
        again = False
        for b, a in deltas:
            if have & a and not have & b:
                have |= b; again = True
    return have

def contain(packs, have=0):
    for f, d in packs:
        have |= f
        for b, _ in d: have |= b
    return have

def loose(packs, have=0):
    """Wrong on purpose: every base is stored somewhere, but maybe in a circle."""
    s, full, deltas = contain(packs, have), have, []
    for f, d in packs:
        full |= f; deltas.extend(d)
    while True:
        t = full
        for b, a in deltas:
            if a & s: t |= b
        if t == s: return s
        s &= t

def derive(named, rng):
    """blob -> (pack, base or 0), in an order in which every base comes first."""
    dv, deltas = {}, []
    named = list(named); rng.shuffle(named)
    for p, (f, d) in named:
        for b in bits(f): dv.setdefault(b, (p, 0))
        for b, a in d: deltas.append((b, a, p))
    again = True
    while again:
        again = False
        for b, a, p in deltas:
            if b not in dv and a in dv: dv[b] = (p, a); again = True
    return dv

def bits(m):
    while m:
        b = m & -m
        yield b
        m ^= b

# ------------------------------------------------------------------ log records and replayed state
class Rec:
    src = old = time = was = job = name = state = prev = lp_tag = None
    tags, grace, short, last_prune, lost = (), GRACE, False, 0, ()
    def __init__(self, kind, txn, packs=(), man=None, doom=frozenset(), expire=(), **more):
        self.kind, self.txn, self.packs, self.man, self.doom, self.expire = kind, txn, packs, man, doom, expire
        self.__dict__.update(more)
    def __repr__(self):
        more = {k: v for k, v in self.__dict__.items() if v not in (None, (), frozenset()) and k not in ("kind", "state", "lp_tag")}
        return "<%s %s>" % (self.kind, " ".join("%s=%s" % (k, list(v) if type(v) in (tuple, frozenset) else v) for k, v in more.items()))

class State:
    """snaps: manifest -> None (live) or (forgotten at, end of grace, names of its tags)."""
    __slots__ = ("n", "prev", "live", "doomed", "snaps", "gone", "tags", "src", "tm", "last_prune",
                 "lp_tag", "epoch", "alias", "moved")
    def __init__(self):
        self.n = self.last_prune = self.epoch = 0
        self.prev = self.lp_tag = None
        self.live, self.doomed, self.snaps, self.gone, self.tags = set(), {}, {}, {}, {}
        self.src, self.tm, self.alias, self.moved = {}, {}, {}, {}
    def copy(self, doomed=True):
        s = State()
        s.n, s.prev, s.last_prune, s.lp_tag, s.epoch = self.n, self.prev, self.last_prune, self.lp_tag, self.epoch
        s.live, s.snaps, s.tags = set(self.live), dict(self.snaps), dict(self.tags)
        s.src, s.tm, s.alias, s.moved = dict(self.src), dict(self.tm), dict(self.alias), dict(self.moved)
        if doomed: s.doomed, s.gone = dict(self.doomed), dict(self.gone)
        return s
    def tags_of(self, m): return tuple(sorted(x for (_, x), y in self.tags.items() if y == m))
    def apply(self, seq, rec, lm):
        k, m = rec.kind, rec.man
        if k == "commit":
            self.live.update(rec.packs); self.snaps[m] = None
            self.src[m], self.tm[m] = self.moved.get(rec.src, rec.src), rec.time
            if M.man_reuse: self.gone.pop(m, 0); self.doomed.pop(m, 0)
            if M.name_reuse:
                for p in rec.packs: self.doomed.pop(p, 0)
        elif k == "forget":                                    # lm: server time of the record
            t = rec.time if M.client_forget_time else lm if M.forget_lm_only else max(lm, rec.time)
            old, end = self.snaps.get(m), t + rec.grace
            if old and (rec.short or M.forget_unsaid): self.snaps[m] = (old[0], end if M.forget_lengthen else min(end, old[1]), old[2])
            else: self.snaps[m] = (t, end, rec.tags)
            for x in rec.tags: self.tags.pop((self.src.get(m), x), 0)
        elif k == "undo":
            f = self.snaps.get(m)
            for x in f[2] if f else (): self.tags[self.src.get(m), x] = m
            self.snaps[m] = None
        elif k == "tag": self.tags[rec.src, rec.name] = m
        elif k == "untag": self.tags.pop((rec.src, rec.name), 0)
        elif k == "amend":
            for x in rec.tags: self.tags.pop((self.src.get(m), x), 0); self.tags[rec.src, x] = m
            self.src[m], self.tm[m] = rec.src, rec.time
        elif k == "rename":
            for x in self.snaps:
                if self.src.get(x) == rec.old and not (M.rename_live_only and self.snaps[x]): self.src[x] = rec.src
            if not M.rename_keep_tags:
                for q, x in [t for t in self.tags if t[0] == rec.old]: self.tags[rec.src, x] = self.tags.pop((q, x))
            if M.rename_alias: self.moved[rec.old] = rec.src
        elif k == "prune":
            self.live.update(rec.packs); self.live -= rec.doom
            for p in rec.doom: self.doomed.setdefault(p, lm)
            for x in rec.expire:
                self.gone.setdefault(x, lm)
                for d in (self.snaps, self.src, self.tm): d.pop(x, None)
        elif k == "reset":
            r = rec.state
            self.live, self.snaps, self.tags = set(r.live), dict(r.snaps), dict(r.tags)
            self.src, self.tm, self.alias = dict(r.src), dict(r.tm), dict(r.alias)
            if not M.reset_merge: self.doomed, self.gone = {}, {}
            self.epoch = seq
        if k == "prune" or (k == "reset" and not M.reset_not_prune): self.last_prune, self.lp_tag = seq, rec.txn
        self.n, self.prev = seq, rec.txn

# ------------------------------------------------------------------ clients (coroutines)
class Damaged(Exception): pass         # the client stops and writes nothing more

class Client:
    __slots__ = ("w", "rng", "st", "cats", "mans", "skew", "gen", "op", "name", "result", "lp0",
                 "own", "names", "args", "tried", "job", "epoch")
    def __init__(self, w, name, st, cats):
        self.w, self.rng, self.st, self.cats, self.mans = w, w.rng, st, cats, {}
        self.own, self.names, self.args, self.tried, self.job, self.epoch = {}, [], (), None, None, st.epoch
        self.skew = 0 if w.local else w.rng.randint(-1, 1) * SKEW
        self.name, self.result, self.lp0 = name, None, (st.last_prune, st.lp_tag)
    def journal(self): return dict(self.own), list(self.names), self.tried, self.job, self.epoch

def sure(op):
    """Repeat an idempotent request until there is an answer."""
    while True:
        r = yield op
        if r is not ERR: return r

def listing(sp, after):
    """All pages of a list; other clients work between the pages."""
    out = []
    while True:
        page = yield from sure(("list", sp, after))
        out += page
        if len(page) < PAGE: return out
        after = page[-1][0]

def order(name): return "%09d" % name if type(name) is int else str(name)

def sync(c, *folders):
    """Local medium: the names in these folders become durable."""
    if c.w.local:
        for sp in folders: yield from sure(("sync", sp, 0))

def log_names(c):
    """List from our own head on, the head included: is it still there, with the same bytes?"""
    st = c.st
    keys = yield from listing("log", max(st.n - 1, 0))
    if keys and keys[-1][0] > st.n and not M.open_no_sync: yield from sync(c, "log")
    bad = st.n and not M.no_prev and (not keys or keys[0][0] != st.n or keys[0][2] != st.prev)
    return [k for k in keys if k[0] > st.n], bad and not M.trim_log, keys

def refresh(c, ckpt_ok=True):
    """Replay the log up to its head.  Returns the number of new records."""
    if ckpt_ok and c.rng.random() < 0.2: yield from load_ckpt(c)
    got = 0
    while True:
        st = c.st
        keys, bad, every = yield from log_names(c)
        for s, _, _ in keys:
            if bad: break
            if s != st.n + 1 and M.trim_log:
                yield from load_ckpt(c)
                st = c.st
                if s <= st.n: continue
            r = yield from sure(("get", "log", s))
            if r is None and M.trim_log: continue
            bad = r is None or r[0] is None or r[0].kind == "void"
            if not bad and r[0].kind != "reset": bad = s != st.n + 1 or (r[0].prev != st.prev and not M.no_prev)
            if M.no_stop and bad:
                bad = False
                if r is None or r[0] is None: st.n, st.prev = s, r and r[2]; continue
            if not bad: st.apply(s, r[0], r[1]); got += 1
        if not bad: return got
        yield from rebase(c, every)
        got += 1

def rebase(c, keys):
    """A gap, an unreadable record or a wrong hash: only a newer reset helps.  Else stop."""
    n, tag = keys[-1][::2] if keys else (0, None)
    while n:
        r = yield from sure(("get", "log", n))
        if r is None or r[0] is None or r[0].kind == "void" or r[2] != tag: break
        if r[0].kind == "reset":
            if c.st.epoch >= n: break                          # the damage is newer than this reset
            c.st.apply(n, r[0], r[1])
            return
        n, tag = r[0].last_prune, r[0].lp_tag
    raise Damaged()

def load_ckpt(c):
    keys = yield from listing("ckpt", 0)
    if keys and keys[-1][0] > c.st.n:
        r = yield from sure(("get", "ckpt", keys[-1][0]))
        if r is not None and r[0] is not None: c.st = r[0].copy()

def refresh_fast(c):
    """Import only: head record + chain of prune records; the commits of others are skipped."""
    st = c.st
    keys, bad, every = yield from log_names(c)
    if not keys and not bad: return
    if not bad and keys[-1][0] - st.n == len(keys):
        n, tag = keys[-1][0], keys[-1][2]
        if M.imp_skip_replay:
            st.n, st.prev = n, tag
            return
        chain, p, q, mine = [], n, tag, None
        while p > st.last_prune:
            r = yield from sure(("get", "log", p))
            if r is None or r[0] is None or r[0].kind == "void" or (r[2] != q and not M.no_prev): break
            if r[0].kind == "commit" and r[0].man in c.names: mine = r[0].man      # our own late record
            if r[0].kind in ("prune", "reset"): chain.append((p, r))
            if r[0].kind == "reset": p = 0; break
            p, q = r[0].last_prune, r[0].lp_tag
        if p <= st.last_prune or M.no_stop:
            for s, r in reversed(chain): st.apply(s, r[0], r[1])
            st.n, st.prev = n, tag
            if mine: st.snaps[mine] = None
            return
    yield from refresh(c, False)

def beside(c, seq, prev, tag):
    """The number was won or lost in a sound log: the records beside it fit.  Returns its time."""
    near = yield from sure(("list", "log", max(seq - 2, 0)))
    near = {k: (lm, t) for k, lm, t in near}
    if (seq > 1 and near.get(seq - 1, (0, None))[1] != prev) or near.get(seq, (0, 0))[1] != tag: raise Damaged()
    if max(near) > seq:
        x = yield from sure(("get", "log", seq + 1))
        if x is None or x[0] is None or x[0].prev != tag or (x[0].kind == "void" and not M.void_confirms): raise Damaged()
    return near[seq][0]

def contend(c, seq, rec):
    """Put-if-absent until it is known whose record has this number.  True: ours."""
    while True:
        if rec.kind == "commit" and not M.journal_late and not (M.journal_once and c.tried): c.tried = seq, rec
        r = yield ("put" if M.commit_plain_put else "cput", "log", seq, rec)
        if rec.kind == "commit" and M.journal_late and r is not ERR: c.tried = seq, rec
        if r is OK: break
        if r is EXISTS:
            if M.exists_is_mine: break
            x = yield from sure(("get", "log", seq))
            if x is not None and x[0] is None: raise Damaged()
            if x is not None and x[0].txn == rec.txn: break
            c.w.stat["lost_race_" + rec.kind] += 1
            if x is not None and not M.no_neighbours: yield from beside(c, seq, rec.prev, x[2])
            return False
        if M.lost_reply_is_fail and rec.kind == "commit": return None
        if M.lost_reply_is_ok and rec.kind == "prune": return OK
        if M.new_txn_on_error: return False
        c.w.stat["slot_put_retried"] += 1
    if not M.ack_no_sync: yield from sync(c, "log")
    lm = c.w.now
    if not M.exists_is_mine and not M.no_neighbours: lm = yield from beside(c, seq, rec.prev, rec.txn)
    c.w.ack(seq, rec)
    return lm

def append(c, rec):
    """Compete for slot head+1.  True: our record is there.  False: somebody else's is."""
    st = c.st
    rec.last_prune, rec.lp_tag = c.lp0 if M.stale_pointer else (st.last_prune, st.lp_tag)
    rec.prev = st.prev
    lm = yield from contend(c, st.n + 1, rec)
    if lm is False or lm is None: return lm
    st.apply(st.n + 1, rec, c.w.now if lm is OK else lm)
    return True

def load_cats(c, names):
    """Read the catalogues of these packs; False if one is gone (our view of the log is old)."""
    good = True
    for p in sorted(names, key=str):
        if p not in c.cats:
            r = yield from sure(("get", "packs", p))
            if r is None: good = False
            else: c.cats[p] = r[0]
    return good

def put_pack(c, need, have):
    """Upload the blobs `need`, some as deltas against `have`; returns (name, pack)."""
    rng, f, d = c.rng, 0, []
    for b in bits(need):
        bases = [x for x in bits(have & ~b)]
        if bases and rng.random() < 0.5: d.append((b, rng.choice(bases)))
        else: f |= b
        have |= b
    pack = (f, tuple(d))
    name = ("h", pack) if M.name_reuse else c.w.fresh()
    while True:
        r = yield ("put", "packs", name, pack)
        if r is OK or M.imp_unacked_pack: break
    c.cats[name] = pack
    return name, pack

def published(c):
    """After a reset: is a manifest of this import, or the copy that the repair made of it, in the state?"""
    return not M.reset_twice and any(m in c.st.snaps or m in c.st.gone or m in c.st.alias for m in c.names)

def importer(c, target, base, src, journal=None):
    """`journal`: (own packs, manifests, tried record, job, epoch) of the run before a crash."""
    w, rng = c.w, c.rng
    judge = contain if M.imp_any_copy else dec
    start = c.st.n
    own, c.names, c.tried, c.job, c.epoch = journal or ({}, [], None, w.fresh(), c.st.epoch)
    c.own = own
    def manifest():
        m = ("m", target) if M.man_reuse else w.fresh()
        c.names.append(m)
        w.blobs[m], w.born[m], w.jobof[m] = target, (src, w.now), c.job
        return m, False
    if journal:
        if rng.random() < 0.3: c.st = State()                  # the cached state is lost as well
        if M.resume_jump: yield from load_ckpt(c)
        if w.local and not M.resume_no_stat:                   # the names may not have been durable
            for p in sorted(own, key=str):
                if (yield from sure(("get", "packs", p))) is None: del own[p]; w.stat["journal_pack_lost"] += 1
        if c.tried and not M.resume_blind:                     # first resolve the tried record
            seq, rec = c.tried
            yield from refresh_fast(c)
            if c.st.epoch > seq:
                done = published(c)
            elif M.resume_open_is_lost:
                x = yield from sure(("get", "log", seq))
                done = x is not None and x[0] is not None and x[0].txn == rec.txn
            else: done = yield from contend(c, seq, rec)
            w.stat["journal_resolved_%s" % (done not in (False, None))] += 1
            if done is not False and done is not None: return "published"
            c.tried = None
    if not journal and rng.random() < 0.4: yield from refresh(c)     # else: work with the old index
    st = c.st
    if base is not None and base not in st.snaps: base = None
    inherited = target & w.blobs[base] if base is not None else 0
    idx = judge([c.cats[p] for p in st.live if p in c.cats] + list(own.values()), inherited)
    if M.imp_private_packs:
        for p, _ in (yield from listing("packs", 0)):
            if p not in c.cats:
                r = yield from sure(("get", "packs", p))
                if r is not None: c.cats[p] = r[0]
        idx = judge(list(c.cats.values()), inherited)
    need = target & ~idx
    parts = [need]
    if need & (need - 1) and rng.random() < 0.4: parts = [need & -need, need & (need - 1)]
    have = dec([c.cats[p] for p in st.live if p in c.cats] + list(own.values()), inherited)
    for part in parts:
        if part:
            n, p = yield from put_pack(c, part, have)
            own[n] = p; have |= part
    reused = target & idx & ~inherited
    checked = False
    if c.names and not M.resume_blind and rng.random() < 0.5: man, man_put = c.names[-1], False
    else: man, man_put = manifest()
    for _round in range(12):
        # I1: replay everything up to the head, then check, then compete for head+1
        if M.imp_jump: yield from load_ckpt(c); st = c.st
        if M.imp_skip_replay or w.fast or rng.random() < 0.5: yield from refresh_fast(c)
        else: yield from refresh(c, False)
        st = c.st
        if published(c): return "published"
        if st.epoch != c.epoch:
            c.epoch = st.epoch; w.stat["import_met_reset"] += 1
            if not M.reset_keep_own: own.clear()               # a lost record may have doomed them
            if not M.reset_keep_man:
                man, man_put = manifest()
        if not (checked and M.imp_no_recheck):
            if not M.imp_no_own_pack and not M.name_reuse:
                for p in [p for p in own if p in st.doomed]:
                    del own[p]; w.stat["own_pack_doomed"] += 1
            if man in st.doomed and not M.imp_no_own_man and not M.man_reuse:
                man, man_put = manifest()
                w.stat["own_manifest_doomed"] += 1
            given = inherited if base is not None and (base in st.snaps or M.imp_no_base_check) else 0
            if M.imp_no_reuse_check: given |= reused
            if inherited and not given: w.stat["base_expired"] += 1
            view = [c.cats[p] for p in st.live if p in c.cats] + list(own.values())
            if M.imp_private_packs: view += list(c.cats.values())
            missing = target & ~judge(view, given)
            if missing:                                        # perhaps moved: read the new catalogues
                good = yield from load_cats(c, st.live)
                if not good: continue                          # a pack is gone: the log moved on
                view = [c.cats[p] for p in st.live] + list(own.values())
                if target & ~judge(view, given) != missing: w.stat["import_found_moved_blobs"] += 1
                missing = target & ~judge(view, given)
            if M.name_reuse:
                lost = [p for p in own if p in st.doomed]
                for p in lost:                                  # upload under the same name again
                    yield from sure(("put", "packs", p, own[p]))
            if missing:
                if rng.random() < 0.15:
                    if not M.man_reuse: w.failed.add(man)
                    w.stat["import_failed_clearly"] += 1
                    return "failed"
                w.stat["import_repaired"] += 1
                n, p = yield from put_pack(c, missing, dec(view, given))
                own[n] = p
                continue
            checked = True
        if not man_put and not M.imp_man_after:
            yield from sure(("put", "mans", man, target)); man_put = True
        if not M.packs_no_sync: yield from sync(c, "packs")
        if not M.mans_no_sync: yield from sync(c, "mans")
        ok = yield from append(c, Rec("commit", w.fresh(), tuple(own), man, src=src, time=w.born[man][1], job=c.job))
        if ok is None:
            w.failed.add(man)
            if man in w.truth.snaps: raise Violation("S2 import reported 'failed' but is published")
            return "failed"
        if ok:
            if M.imp_man_after: yield from sure(("put", "mans", man, target))
            t = w.truth
            if not w.dmg and st.n > t.epoch and not {man, t.alias.get(man)} & (set(t.snaps) | set(t.gone)):
                raise Violation("S2 import reported success but is not published")
            w.stat["import_published"] += 1
            if start < st.n - 1: w.stat["import_published_after_others"] += 1
            return "published"
    if not M.man_reuse and not M.new_txn_on_error: w.failed.add(man)
    w.stat["import_gave_up"] += 1
    return "gave up"

def prune(c, orphan_age, full=False):
    w, rng = c.w, c.rng
    yield from refresh(c)
    epoch = c.st.epoch
    # P9: "now" is the server's time of an object we have just written: never later than the truth
    key = w.fresh()
    yield from sure(("put", "probe", key, None))
    r = yield from sure(("get", "probe", key))
    now = w.now + c.skew if M.client_clock else r[1]
    yield from sure(("del", "probe", key))
    phys = dict((yield from listing("packs", 0)))
    physm = dict((yield from listing("mans", 0)))
    judge = contain if M.prune_no_bases else loose if M.prune_cycle else dec
    new, planned, mine, expire = {}, None, set(), ()
    for _round in range(12):
        st = c.st
        if st.epoch != epoch:
            epoch = st.epoch; w.stat["prune_met_reset"] += 1
            if not M.reset_keep_new: new = {}                  # a lost record may have doomed them
        if not (planned and M.prune_no_recheck):
            if not M.prune_own_doomed: new = {p: v for p, v in new.items() if p not in st.doomed}
            stale, R = False, 0
            expire = [m for m, f in st.snaps.items() if f is not None
                      and (f[1] + (0 if M.no_margin else MARGIN) <= now or M.no_grace)]
            for m in st.snaps:
                if m in expire: continue
                if m not in c.mans:
                    r = yield ("get", "mans", m)
                    while r is ERR and not M.skip_unreadable: r = yield ("get", "mans", m)
                    if r is ERR: c.mans[m] = 0
                    elif r is None: stale = True; break
                    else: c.mans[m] = r[0]
                R |= c.mans[m]
            if not stale: stale = not (yield from load_cats(c, st.live))
            if stale:                                          # P7: never guess; read the log again
                if not (yield from refresh(c, False)): w.stat["prune_stopped"] += 1; return "stopped"
                continue
            live = [(p, c.cats[p]) for p in st.live]
            doom, dv, moved = set(), None, 0
            if full == "tidy":     # one home per needed blob, base chains complete; see the protocol
                dv, homed, todo = derive(live, rng), {}, list(bits(R))
                while todo:
                    b = todo.pop()
                    if b not in dv: return "stopped"           # cannot happen in the real protocol
                    p, a = dv[b]
                    if not homed.get(p, 0) & b:
                        homed[p] = homed.get(p, 0) | b
                        if a: todo.append(a)
            for p, v in live:
                dead, used = contain([v]) & ~R, contain([v]) & R
                if full == "tidy":                             # keep packs without waste, once
                    if contain([v]) & ~homed.get(p, 0): doom.add(p); moved |= homed.get(p, 0)
                elif full or rng.random() < (0.9 if not used else 0.6 if dead else 0.3): doom.add(p)
            keep = [v for p, v in live if p not in doom] + list(new.values())
            have = judge(keep)
            need = moved if full == "tidy" else R & ~have
            if need:                                           # rewrite what must survive
                dv = dv or derive(live + list(new.items()), rng)
                f, d, todo, done, src = 0, [], list(bits(need)), have, set()
                while todo:
                    b = todo.pop()
                    if done & b: continue
                    done |= b
                    if b not in dv: return "stopped"           # cannot happen in the real protocol
                    a = dv[b][1]
                    src.add(dv[b][0])
                    if a == 0: f |= b
                    elif rng.random() < 0.3 and not full:      # store it whole: reads the whole chain
                        f |= b
                        while a: src.add(dv[a][0]); a = dv[a][1]
                    else:
                        d.append((b, a))
                        if not M.prune_no_bases and full != "tidy": todo.append(a)
                for p in sorted(src, key=order):
                    if (yield from sure(("get", "packs", p))) is None: stale = True; break
                if stale:                                      # doomed by another prune meanwhile
                    w.stat["prune_source_gone"] += 1
                    if not (yield from refresh(c, False)): w.stat["prune_stopped"] += 1; return "stopped"
                    continue
                pack = (f, tuple(d))
                name = w.fresh()
                if not M.rewrite_late: yield from sure(("put", "packs", name, pack))
                new[name] = pack
            keep = [v for p, v in live if p not in doom] + list(new.values())
            if R & ~judge(keep): return "stopped"
            old = set()
            if not M.no_orphans:
                old = {p for p, t in phys.items() if p not in st.live and p not in new and t + orphan_age <= now}
                oldm = {m for m, t in physm.items() if m not in st.snaps and t + orphan_age <= now}
                if M.orphan_direct:
                    for p in sorted(old, key=str): yield from sure(("del", "packs", p))
                    old = set()
                if M.orphan_man_direct:
                    for m in sorted(oldm, key=str): yield from sure(("del", "mans", m))
                    oldm = set()
                old |= oldm
                if M.no_sweep: old -= set(st.doomed) | set(st.gone)
            mine = doom | old
            planned = True
            if not mine and not expire and not new: break
            if M.del_before_record:
                for p in sorted(mine, key=str): yield ("del", "packs", p)
        if new and not M.packs_no_sync: yield from sync(c, "packs")
        if M.split_record and new:
            if not (yield from append(c, Rec("prune", w.fresh(), (), None, frozenset(mine), tuple(expire)))):
                yield from refresh(c, False); continue
            mine_left = frozenset()
        else: mine_left = frozenset(mine)
        ok = yield from append(c, Rec("prune", w.fresh(), tuple(new), None, mine_left, tuple(expire)))
        if ok:
            w.stat["prune_committed"] += 1
            if M.rewrite_late:
                for p in new: yield from sure(("put", "packs", p, new[p]))
            break
        yield from refresh(c, False)
    else:
        w.stat["prune_gave_up"] += 1
        return "gave up"
    if c.st.n == 0: return "empty"
    # P1: only now delete; may be repeated by anybody at any later time
    if M.no_sweep:
        for p in sorted(mine, key=str):
            yield ("del", "packs", p); yield ("del", "mans", p)
        for m in expire: yield ("del", "mans", m)
    else:
        st, due = c.st, {}
        for space in ("packs", "mans"):
            for p, _ in (yield from listing(space, 0)):
                t = st.doomed.get(p, st.gone.get(p))
                if t is None: continue
                if not DELAY or t + DELAY <= now: yield from sure(("del", space, p))
                else: due[p] = t
    ck = c.st.copy(doomed=False)
    if not M.no_sweep and not M.ckpt_forgets: ck.doomed = due    # a checkpoint knows the deletions that are still due
    yield ("put", "ckpt", c.st.n, ck)
    if M.trim_log:
        for s in range(1, c.st.n): yield ("del", "log", s)
    return "done"

def reader(c, rounds):
    w, rng = c.w, c.rng
    for _ in range(rounds):
        if rng.random() < 0.3: yield from refresh(c)
        if not c.st.snaps: return "nothing"
        m = rng.choice(sorted(c.st.snaps, key=str))
        refreshed = False
        r = yield from sure(("get", "mans", m))
        while r is None:
            got = yield from refresh(c)
            if m not in c.st.snaps: break
            if not got and m in w.truth.snaps and w.truth.n == c.st.n and not w.dmg: raise Violation("S4 manifest missing")
            r = yield from sure(("get", "mans", m))
        if r is None: continue
        for b in bits(r[0]):
            tries = 0
            while m in c.st.snaps:
                good = yield from load_cats(c, c.st.live)
                known = [(p, c.cats[p]) for p in c.st.live if p in c.cats]
                if M.read_any_copy:
                    dv = {}
                    rng.shuffle(known)
                    for p, (f, d) in known:
                        for x in bits(f): dv.setdefault(x, (p, 0))
                        for x, a in d: dv.setdefault(x, (p, a))
                else: dv = derive(known, rng)
                x, ok, seen = b, True, 0
                while x:
                    if x not in dv or seen & x: ok = False; break
                    seen |= x
                    p, a = dv[x]
                    r2 = yield from sure(("get", "packs", p))
                    if r2 is None: ok = False; break
                    x = a
                if ok: break
                w.stat["reader_refreshed"] += 1
                if M.read_no_refresh or (M.read_one_refresh and tries):
                    if m in w.truth.snaps and not w.dmg: raise Violation("S4 reader failed on a snapshot that exists")
                    break
                before = c.st.n
                yield from refresh(c)
                tries += 1
                if c.st.n == before and good and m in c.st.snaps and w.truth.n == before and not w.dmg:
                    raise Violation("S4 reader: newest state has no readable copy")
    return "read"

def transact(c, plan):
    """Replay, check (`plan` gives the record or None), compete for head+1; lost: start over."""
    w, rec = c.w, None
    for _ in range(12):
        yield from refresh(c)
        w.same(c.st)
        if not (rec and M.no_recheck): rec = plan(c.st)
        if rec is None: r = "refused"; break
        rec.txn = w.fresh()
        if (yield from append(c, rec)): r = "done"; break
        rec = Rec(**{k: v for k, v in rec.__dict__.items() if k not in ("prev", "last_prune", "lp_tag")})
    else: r = "gave up"
    w.stat[c.name.rstrip("0123456789") + "_" + r] += 1
    return r

def forgetter(c, m, undo):
    w, said, grace = c.w, [], c.rng.choice((GRACE, GRACE, 0))
    def plan(s):
        if s.snaps.get(m, 0) is not None: return None
        if not said: said.append(s.tags_of(m))                 # these tags the user has agreed to
        if s.tags_of(m) != said[0] and not M.forget_any_tags: return None
        return Rec("forget", 0, man=m, tags=said[0], time=w.now + c.skew, grace=grace)
    r = yield from transact(c, plan)
    if M.forget_move and r == "done":
        x = yield from sure(("get", "mans", m))
        if x is not None:
            yield from sure(("put", "forgotten", m, x[0])); yield from sure(("del", "mans", m))
    if undo:
        yield from undoer(c, m)
        if c.rng.random() < 0.3: yield from forgetter(c, m, False)
    return r

def shortener(c, m):
    """A second forget: the end of the grace time may only become earlier."""
    w, grace = c.w, c.rng.choice((0, 0, 2, GRACE))
    def plan(s):
        f = s.snaps.get(m)
        if f is None and not (M.shorten_live and m in s.snaps): return None
        t = w.now + c.skew
        return Rec("forget", 0, man=m, time=t, grace=grace, short=True) if not f or t + grace < f[1] else None
    return (yield from transact(c, plan))

def undoer(c, m):
    w = c.w
    yield ("nop", "", 0)
    def plan(s):
        f = s.snaps.get(m)
        if f is None or (not M.undo_any_tag and any((s.src[m], x) in s.tags for x in f[2])): return None
        return Rec("undo", 0, man=m)
    r = yield from transact(c, plan)
    if M.forget_move and r == "done": yield from sure(("put", "mans", m, w.blobs[m]))
    return r

def tagger(c, m, name):
    said = []
    def plan(s):
        if s.snaps.get(m, 0) is not None: return None
        if not said: said.append(s.src[m])
        return Rec("tag", 0, man=m, src=said[0], name=name) if s.src[m] == said[0] or M.tag_any_source else None
    return (yield from transact(c, plan))

def untagger(c, src, name):
    return (yield from transact(c, lambda s: Rec("untag", 0, src=src, name=name) if (src, name) in s.tags else None))

def amender(c, m, src):
    """Another source, or another time (src None); its tags go with it."""
    w, said = c.w, []
    def plan(s):
        if m not in s.snaps: return None
        was, tags = (s.src[m], s.tm[m]), s.tags_of(m) if src else ()
        if not said: said.extend((was, tags))
        if was != said[0] and not M.amend_any_was: return None
        if (tags != said[1] and not M.amend_leave_tags) or src == was[0]: return None
        if not M.amend_taken and any((src, x) in s.tags for x in tags): return None
        return Rec("amend", 0, man=m, src=src or said[0][0], time=s.tm[m] if src else w.now, was=said[0],
                   tags=() if M.amend_leave_tags else said[1])
    return (yield from transact(c, plan))

def renamer(c, old, new):
    def plan(s):
        have = {s.src[m] for m in s.snaps}
        if old not in have and not M.rename_nothing: return None
        if new in have and not M.rename_into: return None
        return Rec("rename", 0, old=old, src=new)
    return (yield from transact(c, plan))

# ------------------------------------------------------------------ repair
def repair(c):
    """Publish a reset.  Nothing in log/ is rewritten, moved or deleted."""
    w, new, newm, cats = c.w, {}, {}, {}
    for _ in range(10):
        tag = {k: t for k, _, t in (yield from listing("log", 0))}
        cks = yield from listing("ckpt", 0)
        known, saved = set(w.known), {}                        # (number, hash) from index, journals, checkpoints
        for k, _ in cks:
            r = yield from sure(("get", "ckpt", k))
            if r is not None and r[0] is not None: saved[k] = r[0]; known.add((k, r[0].prev))
            else: known.add((k, None))
        if M.no_known: known = set()
        top = max([0, *tag] + ([] if M.reset_low else [k for k, _ in known]))
        missing = [k for k in range(1, top + 1) if k not in tag]
        if missing and not M.reset_no_void:                    # nobody can win these numbers any more
            for k in missing:
                v = Rec("void", w.fresh(), prev=tag.get(k - 1))
                if (yield from sure(("cput", "log", k, v))) is OK: tag[k] = v.txn
            yield from sync(c, "log")
            continue
        recs = {}
        for k in tag:
            r = yield from sure(("get", "log", k))
            if r is not None and r[0] is not None and r[0].kind != "void": recs[k] = r
        start = max([k for k in recs if recs[k][0].kind == "reset"], default=0)
        other = {k for k, t in known if k > start and t is not None and t != tag.get(k)}     # a fork: there was another one
        # a record is firm if the next one names its hash, or, the newest, if it names the one before
        def linked(k): return k in recs and (k == 1 or recs[k][0].prev == tag.get(k - 1))
        holes = [k for k in range(1, top + 1) if k not in recs or k in other
                 or (k != start and not M.trust_unlinked and not linked(k + 1 if k < top else k))]
        if not [k for k in holes if k > start]: return "sound"
        base = State()
        if start: base.apply(start, *recs[start][:2])
        for k in sorted(saved):                                # the newest checkpoint of this very log
            if k > start and k not in holes and saved[k].prev == tag.get(k) and (not other or k < min(other) or M.base_any_branch): base = saved[k].copy()
        firm = [k for k in sorted(recs) if k not in holes]
        def maybe(k):                                          # can this hole have been a prune record?
            if k in recs and recs[k][0].kind in ("prune", "reset"): return True
            return next((recs[j][0].last_prune >= k for j in firm if j > k and recs[j][0].kind != "reset"), True)
        hi = [k for k in holes if k > base.n]
        last = max([k for k in hi if maybe(k)], default=0)     # what was there before it may be doomed
        unsure = any(maybe(k) for k in holes)
        if other and not M.trust_branch: last, unsure = top, True
        st, ann, told, dead, ended = base.copy(), {}, {}, set(), set()
        for k in firm:
            rec, lm = recs[k][:2]
            if rec.kind == "prune": dead |= rec.doom | set(rec.expire)
            if rec.kind == "prune" and (not other or M.trust_branch): ended |= {w.root(m) for m in rec.expire} | rec.doom
            if k <= base.n or k <= start: continue
            st.apply(k, rec, lm)
            for p in rec.packs: ann[p] = k
            if rec.kind == "commit": ann[rec.man] = k
            if rec.kind in ("forget", "undo"): told[rec.man] = k
        # candidates: what the readable records say, and every manifest that a lost record may have announced
        cand, body, have = {}, {}, set()
        for m, f in st.snaps.items():
            cand[m] = f if M.reset_keep_forgets or not hi or told.get(m, base.n) > hi[-1] else None
        if hi and not M.reset_no_unknown:
            for m, _ in sorted((yield from listing("mans", 0)), key=lambda x: x[0] in w.copyof):
                if m not in cand and not {m, w.root(m)} & ended: cand[m] = None
        for m in list(cand):
            r = yield from sure(("get", "mans", m))
            if r is None or w.root(m) in have: del cand[m]     # a copy made by a repair is the same snapshot
            else: body[m] = r[0]; have.add(w.root(m))
        stored = {}
        for p, _ in (yield from listing("packs", 0)):
            r = yield from sure(("get", "packs", p))
            if r is not None: stored[p] = cats[p] = r[0]
        whole = dec(list(stored.values()))
        for m in list(cand):
            if body[m] & ~whole: del cand[m]
        if not M.repair_own_doomed: new = {p: v for p, v in new.items() if p not in dead}
        calm = w.local or M.reset_no_copy                      # local: nobody else runs, so no late deletes
        sure_packs = {p for p in st.live if p in stored and (calm or ann.get(p, base.n) > last)} | set(new)
        if hi and (calm or not unsure): sure_packs |= {p for p in stored if p not in dead and (calm or p not in st.live)}
        need = 0
        for m in cand: need |= body[m]
        miss = need & ~dec([stored[p] for p in sure_packs if p in stored] + list(new.values()))
        if miss:                                               # fresh names for what may be doomed
            dv, src = derive(list(stored.items()), c.rng), set()
            for b in bits(miss):
                while b: src.add(dv[b][0]); b = dv[b][1]
            gone = False
            for p in sorted(src, key=order):
                if (yield from sure(("get", "packs", p))) is None: gone = True
            if gone: w.stat["repair_source_gone"] += 1; continue
            p = w.fresh()
            yield from sure(("put", "packs", p, (miss, ())))
            new[p] = (miss, ()); w.stat["repair_copied_packs"] += 1
        r = State()
        r.live, r.alias = sure_packs | set(new), {}
        for m, f in cand.items():
            calm_man = w.local or M.reset_no_copy_man or (ann.get(m, base.n) > last if m in st.snaps else not unsure)
            x = m
            if not calm_man:
                if newm.get(m) in (None, *dead): newm[m] = w.fresh()
                x = newm[m]
                w.blobs[x], w.born[x], w.copyof[x], w.jobof[x] = body[m], w.born[m], w.root(m), w.jobof.get(m)
                yield from sure(("put", "mans", x, body[m])); w.stat["repair_copied_manifests"] += 1
                r.alias[m] = x
            if w.root(x) != x: r.alias[w.root(x)] = x
            r.snaps[x] = f
            r.src[x], r.tm[x] = st.src.get(m, w.born[m][0]), st.tm.get(m, w.born[m][1])
        for a, b in st.alias.items(): r.alias.setdefault(a, r.alias.get(b, b))
        for (q, x), m in st.tags.items():
            m = r.alias.get(m, m)
            if r.snaps.get(m, 0) is None and r.src[m] == q: r.tags[q, x] = m
        yield from sync(c, "packs", "mans")
        rec = Rec("reset", w.fresh(), state=r, lost=tuple(holes), prev=tag.get(top),
                  name=frozenset(recs[k][0].txn for k in recs))
        if (yield from contend(c, top + 1, rec)): w.stat["repair_reset"] += 1; return "reset"
    return "gave up"

# ------------------------------------------------------------------ the store, the truth, the scheduler
class World:
    def __init__(self, seed, trace=False):
        self.rng = rng = random.Random(seed)
        self.now, self.names, self.trace = 100, 0, trace
        self.S = {k: {} for k in ("log", "packs", "mans", "probe", "ckpt", "forgotten")}
        self.dirty = {k: {} for k in self.S}                   # local: changes that are not durable
        self.truth, self.blobs, self.failed, self.at, self.arch = State(), {}, set(), {}, {}
        self.where, self.ends, self.jobs, self.acked, self.read = {}, {}, {}, {}, frozenset()
        self.born, self.jobof, self.copyof, self.owed, self.stopped, self.also, self.cache = {}, {}, {}, {}, [], set(), []
        self.stat, self.inflight, self.clients, self.steps = collections.Counter(), [], [], 0
        self.fast, self.known, self.dmg, self.hurt = False, set(), 0, 0
        self.local, self.harm = rng.random() < 0.25, rng.random() < HARM
        self.setup()

    def fresh(self):
        self.names += 1
        return self.names

    def root(self, m): return self.copyof.get(m, m)            # the id that users see

    # ---- one request, executed atomically
    def execute(self, op):
        k, sp, key = op[0], op[1], op[2]
        if k == "nop": return OK
        d = self.S[sp]
        if k == "get": return d.get(key)
        if k == "sync": self.dirty[sp].clear(); return OK
        if k == "list":                      # at most PAGE names after `key`: not one moment's view
            if sp == "log": return [(n, d[n][1], d[n][2]) for n in sorted(n for n in d if n > key)[:PAGE]]
            if sp == "ckpt": names = sorted(n for n in d if n > key)
            else: names = sorted((n for n in d if key == 0 or order(n) > order(key)), key=order)
            return [(n, d[n][1]) for n in names[:PAGE]]
        if k == "cput" and key in d: return EXISTS
        if self.local: self.dirty[sp].setdefault(key, d.get(key))
        if k == "del":
            if key in d:
                del d[key]
                if sp == "log": self.stat["log_trimmed"] += 1
                elif sp == "packs" or sp == "mans": self.check()
            return OK
        if sp == "log":
            rec = op[3]
            if key in d and (d[key][0] is None or d[key][0].txn != rec.txn): raise Violation("S1 a published record was overwritten")
            if key in d: return OK
            if key != self.truth.n + 1 and not self.dmg and key >= self.truth.epoch:
                raise Violation("S1 record written into the past: history forked")
            d[key] = (rec, self.lm(), rec.txn)
            self.arrive(key, rec)
        else:
            d[key] = (op[3], self.lm())
        return OK

    def lm(self):
        """The clock of the node that answers; local: the temporary file was written a while ago."""
        return self.now - self.rng.randint(0, 2) if self.local else self.now + self.rng.randint(0, MARGIN)

    # ---- the truth: what the records mean, if nothing is damaged
    def arrive(self, key, rec):
        t = self.truth
        if rec.kind == "reset": return self.on_reset(key, rec)
        if key != t.n + 1 or (self.dmg and rec.prev != t.prev) or rec.kind == "void":
            self.stat["stray_" + ("void" if rec.kind == "void" else "record")] += 1
            if rec.kind == "forget": self.also.add(rec.man)
            return
        while True:                                            # damage: later ones may be there already
            x = self.S["log"].get(t.n + 1)
            if x is None or x[0] is None or x[0].kind in ("void", "reset") or (t.n and self.dmg and x[0].prev != t.prev): break
            self.at[t.n + 1] = self.now
            self.accept(t.n + 1, x[0], x[1], self.now)
        self.check()

    def ack(self, seq, rec):
        """A client reports success."""
        self.acked[seq] = rec.txn
        x = self.S["log"].get(seq)                             # (it may be lost again meanwhile)
        if seq < self.truth.epoch and rec.txn not in self.read and x and x[2] == rec.txn:
            raise Violation("D an operation that the reset does not know was reported as success")

    def accept(self, seq, rec, lm, now, again=False):
        t, k, m = self.truth, rec.kind, rec.man
        def bad(what): raise Violation("S1 " + what)
        f = t.snaps.get(m, 0)                                  # 0: no such snapshot (or expired)
        if again: pass
        elif k == "commit":
            if m in self.failed: raise Violation("S2 import reported 'failed' but is published")
            if rec.job and rec.job in self.jobs: raise Violation("S2 one import was published twice")
        elif k == "tag" and f is not None: bad("tag of a snapshot that is not live")
        elif k == "forget" and not rec.short and f is not None: bad("forget of a snapshot that is not live")
        elif k == "forget" and rec.short and not f: bad("shorter grace for a snapshot that is not forgotten")
        elif k == "undo" and not f: bad("undo of a snapshot that is expired or not forgotten")
        elif k == "undo" and any((t.src[m], x) in t.tags for x in f[2]): bad("undo took a tag from another snapshot")
        elif k == "untag" and (rec.src, rec.name) not in t.tags: bad("untag of a tag that does not exist")
        elif k == "amend":
            if f == 0: bad("amend of an expired snapshot")
            if rec.was != (t.src[m], t.tm[m]): bad("amend overwrote another amend or rename")
            if any(t.tags.get((rec.src, x), m) != m for x in rec.tags): bad("amend took a tag from another snapshot")
        elif k == "rename":
            if rec.old not in self.where.values(): bad("rename of a source that does not exist")
            if rec.src in self.where.values(): bad("rename joined two sources")
        for x in rec.expire:
            if not t.snaps.get(x): bad("a snapshot was expired that is not forgotten")
            if now < self.ends[x]: bad("a snapshot was expired before its grace time was over")
        t.apply(seq, rec, lm)
        self.arch[seq] = rec, lm, now
        # the plain replay of user actions, apart from State
        if k == "commit":
            self.where[m] = rec.src
            if rec.job: self.jobs[rec.job] = m
        elif k == "forget":
            end = max(lm, rec.time, now if not self.local else 0) + rec.grace
            self.ends[m] = min(end, self.ends[m]) if rec.short and m in self.ends else end
            if not again and t.snaps[m][1] > max(self.ends[m], end if not rec.short else 0): bad("the end of a grace time was moved to later")
        elif k == "amend": self.where[m] = rec.src
        elif k == "rename":
            for x in self.where:
                if self.where[x] == rec.old: self.where[x] = rec.src
        for x in rec.expire: self.where.pop(x, 0)
        if again: return
        if t.src != self.where: bad("a snapshot is not in the source that the user actions say")
        for (q, x), y in t.tags.items():
            if t.snaps.get(y, 0) is not None or t.src[y] != q: bad("a tag names a snapshot that is not live or not in its source")

    def same(self, st):
        """A client that has replayed everything sees what is true."""
        t = self.truth
        if st.n == t.n and not self.dmg and (st.snaps, st.tags, st.src, st.live) != (t.snaps, t.tags, t.src, t.live):
            raise Violation("A a client's replayed state is wrong")

    def rebuild(self, upto):
        """The truth as of record `upto`."""
        arch, self.arch = self.arch, {}
        self.truth, self.where, self.ends, self.jobs = State(), {}, {}, {}
        for k in sorted(arch):
            if k > upto: break
            rec, lm, now = arch[k]
            if rec.kind == "reset": self.begin(k, rec, lm)
            else: self.accept(k, rec, lm, now, True)

    def begin(self, key, rec, lm):
        self.truth = t = State()
        t.apply(key, rec, lm)
        self.arch = {key: (rec, lm, self.now)}
        self.where, self.ends = dict(t.src), {m: f[1] for m, f in t.snaps.items() if f}
        self.jobs = {self.jobof[m]: m for m in t.snaps if self.jobof.get(m)}
        self.read = rec.name

    # ---- damage, repair, power loss
    def damage(self):
        rng, log = self.rng, self.S["log"]
        self.clients = [c for c in self.clients if c.name != "repair"]         # no damage during a repair
        self.inflight = [op for op in self.inflight if len(op) < 4 or getattr(op[3], "kind", "") not in ("reset", "void")]
        n = max(self.S["log"])                                 # what this machine's index knows
        self.known |= {(n, self.S["log"][n][2]), (self.truth.n, self.truth.prev)}
        self.hurt += 1
        if self.local and not M.repair_no_lock: self.kill()
        keys = sorted(log)
        k = rng.choice((keys[-1], keys[-1], rng.choice(keys), rng.choice(keys)))
        prunes = [n for n in keys if log[n][0] and log[n][0].kind in ("prune", "reset")]
        if prunes and rng.random() < 0.5: k = rng.choice(prunes)
        lost = {k} | ({k - 1} if rng.random() < 0.4 else set()) | ({k + 1} if rng.random() < 0.3 else set())
        if rng.random() < 0.3: lost.add(rng.choice(keys))
        if rng.random() < 0.2: lost |= {n for n in keys if n > k - 1}
        rm = rng.random() < 0.6
        for n in sorted(lost & set(keys)):
            if rm or rng.random() < 0.3: del log[n]
            else: log[n] = (None, log[n][1], ("spoiled", self.fresh()))
        for n in list(self.S["ckpt"]):
            if rng.random() < 0.7:
                if rng.random() < 0.5: del self.S["ckpt"][n]
                else: self.S["ckpt"][n] = (None, 0)
        self.dmg = max(self.dmg, 1)
        if self.trace: print("   damage    lost", sorted(lost), "removed" if rm else "spoiled", "log now", [(n, log[n][0]) for n in sorted(log)])
        if self.truth.n not in log:                            # the newest records are gone without a trace in log/
            self.dmg = 2
            for m, f in self.truth.snaps.items():
                if f or m not in self.owed: self.owed[m] = f
            self.rebuild(max(list(log) + [0]))
        self.start("repair", repair)
        if not self.local and rng.random() < 0.3:              # a prune that knows all of it
            self.start("prune8", prune, 0, st=self.truth.copy())

    def on_reset(self, key, rec):
        """No snapshot that is live and whose data is still stored is lost."""
        t, r, d = self.truth, rec.state, self.S
        if key <= t.n: raise Violation("D the reset is below the head")
        own = {p for p in d["packs"]}
        good, every = dec([d["packs"][p][0] for p in own]), dict(self.owed)
        for m in list(every):
            if m in t.gone or m in t.doomed: del every[m]      # the other branch has ended it
        for m, f in t.snaps.items():
            if m not in every: every[m] = f
        for m, f in every.items():
            if m not in d["mans"] or self.blobs[m] & ~good or (f and self.now >= f[1]): continue
            a = next((x for x in r.snaps if self.root(x) == self.root(m)), None)
            if a not in r.snaps: raise Violation("D a live snapshot is lost by the repair")
            if t.snaps.get(m, 0) is None and r.snaps[a] is not None and m not in self.also: raise Violation("D a live snapshot is forgotten after the repair")
            if r.snaps[a] and f and r.snaps[a][1] < f[1] and m not in self.owed: raise Violation("D the repair made a grace time shorter")
        for n, txn in self.acked.items():
            x = d["log"].get(n)
            if n > t.epoch and x is not None and x[0] is not None and x[0].txn == txn and txn not in rec.name:
                raise Violation("D the reset does not know an acknowledged record")
        self.before = self.truth, self.arch, self.where, self.ends, self.jobs, self.read, self.owed, self.dmg, self.known
        self.begin(key, rec, d["log"][key][1])
        self.dmg, self.owed, self.known = 0, {}, {(key, rec.txn)}
        self.check()
        self.again()

    def again(self):
        """After a repair or a power loss: programs are started again, some with their old cache."""
        for args in self.stopped: self.resume(*args)
        self.stopped = []
        if not self.local or not self.clients: return
        self.start("prune", prune, 0, st=self.rng.choice(self.cache).copy() if self.cache and self.rng.random() < 0.7 else None)

    def kill(self):
        """All clients die (power loss; or, locally, they end before a repair)."""
        for c in self.clients:
            if c.name[:3] == "imp" and self.rng.random() < 0.6: self.stopped.append((c.name, c.args, c.journal(), c.st, c.cats))
        self.cache = [c.st for c in self.clients if c.st.n and (c.name[:3] != "imp" or M.fast_is_cache)]
        self.clients, self.inflight = [], []

    def power(self):
        """Each name that is not durable is kept or dropped at random."""
        rng, log = self.rng, self.S["log"]
        self.stat["power_loss"] += 1
        self.kill()
        p = rng.choice((0.2, 0.5, 0.9))
        for sp, ch in self.dirty.items():
            for key, old in list(ch.items()):
                if rng.random() < p:
                    if old is None: self.S[sp].pop(key, 0)
                    else: self.S[sp][key] = old
            ch.clear()
        e = self.truth.epoch
        if e and e not in log and not self.dmg:                # the reset itself is dropped
            if self.acked.get(e): raise Violation("W an acknowledged record is lost")
            self.truth, self.arch, self.where, self.ends, self.jobs, self.read, self.owed, self.dmg, self.known = self.before
        if self.trace: print("   power loss: log", sorted(log), "packs", sorted(self.S["packs"], key=str))
        for n, txn in self.acked.items():
            if n > self.truth.epoch and (n not in log or (log[n][0] and log[n][0].txn != txn)):
                if not self.dmg: raise Violation("W an acknowledged record is lost")
        if not self.dmg:
            head = self.truth.n
            while head and head not in log: head -= 1
            for n in range(self.truth.epoch + 1, head):
                if n not in log: raise Violation("W a gap in the log after a power loss")
            self.rebuild(head)
            self.check()
        else: return self.start("repair", repair)
        self.again()
        self.start("prune", prune, 0)
        if rng.random() < 0.5: self.start("read", reader, 1)
        if rng.random() < 0.5 and self.truth.snaps: self.start("forget", forgetter, rng.choice(sorted(self.truth.snaps, key=str)), True)

    def start(self, name, fn, *args, st=None, cats=None):
        c = Client(self, name, st or State(), cats or {})
        c.args = args
        c.gen = fn(c, *args)
        c.op = next(c.gen, None)
        if c.op is not None: self.clients.append(c)

    def resume(self, name, args, journal, st, cats):
        """A crashed import is started again: with its journal, or without one."""
        if self.rng.random() < 0.85:
            self.stat["import_resumed"] += 1
            self.start(name, importer, *args[:3], journal, st=st, cats=cats)
            self.clients[-1].args = args[:3]
        else:
            self.stat["import_journal_lost"] += 1
            self.start(name, importer, *args[:3], st=st, cats=cats)

    # ---- S1 (and the safety half of S3): every unexpired snapshot is completely readable right now
    def check(self):
        if self.dmg == 2: return                               # nothing is promised until the repair
        t, need = self.truth, 0
        mans, packs = self.S["mans"], self.S["packs"]
        for m in t.snaps:
            if m not in mans: raise Violation("S1 manifest of a published snapshot is missing")
            need |= self.blobs[m]
        if need & ~dec([packs[p][0] for p in t.live if p in packs]):
            raise Violation("S1 a published snapshot is not completely readable")
        for p in t.live:
            if p not in packs: raise Violation("S4 a pack that the log calls live is missing")

    # ---- a small random repository with a history, and clients with caches of various ages
    def setup(self):
        rng = self.rng
        nb = rng.randint(3, 6)
        allm = (1 << nb) - 1
        t = self.truth
        def rec(r, lm):
            r.last_prune, r.lp_tag, r.prev = t.last_prune, t.lp_tag, t.prev
            self.S["log"][t.n + 1] = (r, lm, r.txn)
            self.accept(t.n + 1, r, lm, lm)
            states.append(t.copy())
        states, sources = [t.copy()], "abc"[:rng.randint(2, 3)]
        for _ in range(rng.randint(1, 3)):
            lm = self.now - rng.randint(3, 9)
            target = rng.randint(1, allm)
            aware = rng.random() < 0.6
            have = dec([self.S["packs"][p][0] for p in t.live]) if aware else 0
            need, own = target & ~have, []
            parts = [need & (m := rng.randint(0, allm)), need & ~m]
            for part in parts:
                f, d = 0, []
                for b in bits(part):
                    bases = list(bits(have & ~b))
                    if bases and rng.random() < 0.5: d.append((b, rng.choice(bases)))
                    else: f |= b
                    have |= b
                if part:
                    pk = (f, tuple(d))
                    n = ("h", pk) if M.name_reuse else self.fresh()
                    self.S["packs"][n] = (pk, lm); own.append(n)
            m = ("m", target) if M.man_reuse else self.fresh()
            if m in t.snaps: continue
            self.blobs[m] = target; self.S["mans"][m] = (target, lm)
            self.born[m] = rng.choice(sources[:2]), lm
            rec(Rec("commit", self.fresh(), tuple(own), m, src=self.born[m][0], time=lm), lm)
            if rng.random() < 0.4: rec(Rec("tag", self.fresh(), man=m, src=t.src[m], name=rng.choice("st")), lm)
            if rng.random() < 0.35:
                ft = self.now - rng.randint(0, GRACE)
                rec(Rec("forget", self.fresh(), man=m, time=ft, tags=t.tags_of(m)), ft)
        if rng.random() < 0.3: self.S["packs"][self.fresh()] = ((rng.randint(1, allm), ()), self.now - rng.randint(0, 9))
        self.check()

        def add(name, fn, *args):
            st = rng.choice(states).copy() if rng.random() < 0.4 else t.copy()
            c = Client(self, name, st, {p: self.S["packs"][p][0] for p in st.live})
            c.args = args
            c.gen = fn(c, *args); c.op = next(c.gen, None)
            if c.op is not None: self.clients.append(c)
        snaps = sorted(t.snaps, key=str)
        age = rng.choice((0, 0, 3))
        for i in range(rng.choice((1, 2, 2, 2, 3))):
            base = rng.choice(snaps) if rng.random() < 0.6 else None
            target = rng.randint(1, allm)
            if base and rng.random() < 0.6: target |= self.blobs[base]
            add("imp%d" % i, importer, target, base, rng.choice(sources))
        for i in range(rng.choice((1, 2, 2, 2, 3))): add("prune%d" % i, prune, age)
        add("read", reader, rng.randint(1, 2))
        for i in range(rng.choice((0, 1, 2))): add("forget%d" % i, forgetter, rng.choice(snaps), rng.random() < 0.5)
        if rng.random() < 0.5: add("undo", undoer, rng.choice(snaps))
        if rng.random() < 0.3: add("shorten", shortener, rng.choice(snaps))
        for i in range(rng.choice((0, 0, 1, 2))): add("tag%d" % i, tagger, rng.choice(snaps), rng.choice("st"))
        if t.tags and rng.random() < 0.2: add("untag", untagger, *rng.choice(sorted(t.tags)))
        for i in range(rng.choice((0, 0, 0, 1, 2))): add("amend%d" % i, amender, rng.choice(snaps), rng.choice((None, *sources)))
        for i in range(rng.choice((0, 0, 0, 1, 2))): add("rename%d" % i, renamer, *rng.sample("abc", 2))

    # ---- random scheduling: uneven, changing weights (long pauses), faults, late requests
    def run(self):
        rng, rnd = self.rng, self.rng.random
        fault = rng.choice((0.0, 0.03, 0.1))
        p_time = rng.choice((0.02, 0.1, 0.25))
        weights = None
        while self.clients and self.steps < 700:
            self.steps += 1
            if rnd() < p_time: self.now += rng.randint(1, 3)
            if self.harm and self.hurt < 2 and rnd() < 0.02 and self.S["log"]: self.damage(); weights = None; continue
            if self.dmg and not any(c.name == "repair" for c in self.clients) and rnd() < 0.05: self.start("repair", repair)
            if self.inflight and rnd() < 0.08: self.land(self.inflight.pop(rng.randrange(len(self.inflight))))
            if weights is None or rnd() < 0.06 or len(weights) != len(self.clients):
                weights = [rng.choice((0.001, 0.03, 0.3, 1.0)) for _ in self.clients]
                total = sum(weights)
            x, i = rnd() * total, 0
            for i, wt in enumerate(weights):
                x -= wt
                if x < 0: break
            op = self.clients[i].op
            self.step(self.clients[i], fault)
            if self.local and self.stat["power_loss"] < 2 and rnd() < (0.05 if op[1] == "log" and op[0] == "cput" else 0.005): self.power(); weights = None
        self.stat["abandoned"] += len(self.clients)
        self.clients = []
        for op in self.inflight:
            if rnd() < 0.5: self.land(op)
        self.inflight = []
        self.settle()

    def land(self, op):
        self.stat["late_requests"] += 1
        if self.trace: print("   late     ", show(op), "->", self.execute(op), "t=%d" % self.now)
        else: self.execute(op)

    def step(self, c, fault):
        rng, op = self.rng, c.op
        kind, r = "", None
        if fault and rng.random() < fault:
            write = op[0] in ("put", "cput", "del")
            x = rng.random()
            if LATE and op[0] == "cput" and rng.random() < LATE: x = 0.1     # dies, and the record lands later
            if x < 0.25:   kind = "crash"
            elif not write or x < 0.5 or self.local: kind = "error, not done"
            elif x < 0.75: kind = "error, but done"
            else:          kind = "error, lands later"
            if kind == "error, but done" or (kind == "crash" and write and x < 0.08): self.execute(op)
            elif kind == "error, lands later" or (kind == "crash" and write and x < 0.17 and not self.local): self.inflight.append(op)
            self.stat[kind] += 1
            r = ERR
        else: r = self.execute(op)
        if self.trace: print("%4d %-8s" % (self.steps, c.name), show(op), "->", kind or show(r), "t=%d" % self.now)
        if kind == "crash":
            self.clients.remove(c)
            if c.name[:3] == "imp" and rng.random() < 0.6: self.resume(c.name, c.args, c.journal(), c.st, c.cats)
            return
        try: c.op = c.gen.send(r)
        except Damaged:
            self.clients.remove(c)
            self.stat["client_stopped"] += 1
            if self.trace: print("     %-8s stops: damaged" % c.name)
            if not self.hurt: raise Violation("S5 a client stops although nothing is damaged")
            if c.name[:5] == "final": raise Violation("S5 a client stops after the repair")
            if c.name[:3] == "imp": self.stopped.append((c.name, c.args, c.journal(), c.st, c.cats))
        except StopIteration as e:
            c.result = e.value
            self.clients.remove(c)
            if self.trace: print("     %-8s ends: %s" % (c.name, e.value))

    # ---- S5: quiet time, then two prunes (three with a delay) leave exactly what is needed
    def settle(self):
        mode = self.rng.choice(("tidy", "all"))
        if self.dmg:
            self.start("final", repair)
            k = 0
            while self.clients:
                self.step(self.clients[0], 0.0); k += 1
                if k > 900: raise Violation("S5 repair does not end")
                if self.clients and self.clients[0].name[:5] != "final": self.clients.pop(0)
            self.stopped = []
        for i in range(3 if DELAY else 2):
            self.now += 50
            c = Client(self, "final%d" % i, State(), {})
            c.gen = prune(c, 3, "tidy" if DELAY and i else mode); c.op = next(c.gen)
            self.clients = [c]
            k = 0
            while self.clients:
                self.step(c, 0.0); k += 1
                if k > 400: raise Violation("S5 prune does not end")
        t = self.truth
        if set(self.S["packs"]) - t.live: raise Violation("S5 garbage packs remain")
        if set(self.S["mans"]) - set(t.snaps): raise Violation("S5 garbage manifests remain")
        if any(f is not None for f in t.snaps.values()): raise Violation("S5 a forgotten snapshot never expires")
        need = 0
        for m in t.snaps: need |= self.blobs[m]
        vs = [self.S["packs"][p][0] for p in t.live]
        stored = contain(vs)
        bases = need
        for _ in range(6):
            for _, d in vs:
                for b, a in d:
                    if b & bases: bases |= a
        if stored & ~bases: raise Violation("S5 dead blobs remain")

def show(x):
    if isinstance(x, State): return "<state %d>" % x.n
    if isinstance(x, (tuple, list)): return "(" + " ".join(show(i) for i in x) + ")"
    return str(x)

# ------------------------------------------------------------------ S6: count requests
def drive(w, c, gen):
    cnt, r = collections.Counter(), None
    while True:
        try: op = gen.send(r)
        except StopIteration as e: return cnt, e.value
        cnt[op[0] + " " + op[1]] += 1
        r = w.execute(op)

def cost():
    """One warm client; meanwhile others commit 20 snapshots with one pack each and prune twice."""
    global PAGE
    PAGE = 1000
    w = World(1)
    w.clients, w.S, w.truth = [], {k: {} for k in w.S}, State()
    def client(st=None, cats=None): return Client(w, "x", st or State(), dict(cats or {}))
    w.local = w.harm = False
    w.where, w.arch = {}, {}
    a = client(); drive(w, a, importer(a, 7, None, "a"))
    base = max(w.truth.snaps)
    warm, cats = w.truth.copy(), dict(a.cats)
    w.fast = True
    for i in range(20):
        b = client(w.truth.copy(), cats); drive(w, b, importer(b, 7 | 8 << i, base, "b")); w.now += 1
    for what in ("20 foreign commits", "20 foreign commits and 2 prunes"):
        c = client(warm.copy(), cats); c.rng.random = lambda: 0.9
        snap = w.truth.copy(), {k: dict(v) for k, v in w.S.items()}, dict(w.where)
        print("import, nothing new, warm cache, after %s: %s" % (what, dict(drive(w, c, importer(c, 7, base, "a"))[0])))
        w.truth, w.S, w.where = snap
        c = client(warm.copy(), cats)
        live = len(w.truth.live - set(cats))
        def mount():
            yield from refresh(c, False); yield from load_cats(c, c.st.live)
        print("mount, warm cache, %d new packs, %d new records: %s" % (live, w.truth.n - warm.n, dict(drive(w, c, mount())[0])))
        for _ in range(2):
            w.now += 9; p = client(); del p.rng; p.rng = random.Random(5); drive(w, p, prune(p, 3))

# ------------------------------------------------------------------ command line
def one(seed, trace=False):
    w = World(seed, trace)
    w.run()
    return w

def work(args):
    seed, lo, hi, stop = args
    stat, steps, bad = collections.Counter(), 0, []
    for i in range(lo, hi):
        s = seed * 10**9 + i
        w = None
        try:
            w = World(s); w.run()
        except Violation as v:
            bad.append((s, str(v)))
            if stop: break
        except KeyError:                                       # a client of a mutant in an impossible state: not counted
            if not any(vars(M).values()): raise
        if w: stat.update(w.stat); steps += w.steps
    return hi - lo, steps, stat, bad

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("cmd", choices=("run", "mutants", "show", "cost"))
    ap.add_argument("--n", type=int, default=100000); ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--procs", type=int, default=1); ap.add_argument("--max", type=int, default=60000)
    ap.add_argument("--delay", type=int, default=0); ap.add_argument("--harm", type=float, default=0.35)
    ap.add_argument("--late", type=float, default=0.0)
    ap.add_argument("--hits", type=int, default=5)
    ap.add_argument("--mutant", default=""); ap.add_argument("--only", default="")
    a = ap.parse_args()
    global DELAY, HARM, LATE
    DELAY, HARM, LATE = a.delay, a.harm, a.late
    if a.mutant: setattr(M, a.mutant, True)
    t0 = time.time()
    if a.cmd == "cost": cost()
    elif a.cmd == "show":
        try: one(a.seed, True); print("no violation")
        except Violation as v: print("VIOLATION:", v)
    elif a.cmd == "run":
        jobs = [(a.seed, lo, min(lo + 2000, a.n), False) for lo in range(0, a.n, 2000)]
        total, steps, stat, bad = 0, 0, collections.Counter(), []
        with multiprocessing.Pool(a.procs) as pool:
            for k, st, c, b in pool.imap_unordered(work, jobs):
                total += k; steps += st; stat.update(c); bad += b
                if total % 100000 == 0 or b: print(total, steps, "%.0fs" % (time.time() - t0), b[:2], flush=True)
        print("schedules %d, requests %d, violations %d, %.0f s" % (total, steps, len(bad), time.time() - t0))
        for k, v in sorted(stat.items()): print("  %-34s %d" % (k, v))
        for b in bad[:10]: print("  VIOLATION", b)
        sys.exit(1 if bad else 0)
    else:
        alive = 0
        for name, (rule, what) in MUTANTS.items():
            if a.only and name not in a.only.split(","): continue
            setattr(M, name, True)
            HARM = 1.0 if rule[0] == "D" else 0.0 if rule == "I10" else a.harm       # more of what the rule is about
            LATE = 0.8 if rule == "I10" else a.late
            DELAY = 2 if name == "ckpt_forgets" else a.delay
            kinds, n, first = collections.Counter(), 0, None
            while n < a.max and sum(kinds.values()) < a.hits:
                _, _, _, bad = work((a.seed, n, n + 200, False)); n += 200
                for s, v in bad:
                    kinds[v] += 1; first = first or s
            setattr(M, name, False)
            alive += not kinds
            print("%-4s %-19s %s after %d schedules, first seed %s: %s" % (rule, name,
                  "killed  " if kinds else "SURVIVED", n, first, "; ".join("%s (%d)" % k for k in kinds.most_common(2))), flush=True)
        print("mutants alive: %d, %.0f s" % (alive, time.time() - t0))
        sys.exit(1 if alive else 0)

if __name__ == "__main__": main()
