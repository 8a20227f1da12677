// Package outbox keeps in one bbolt file what the API has not acknowledged yet, and what it has.
//
// # Files
//
//	<dir>/outbox.db        everything below
//	<dir>/outbox.db.compact a smaller copy, until it takes that name (compact.go)
//	<dir>/outbox.mark      how often agents have opened the outbox, as the state knows too (identity.go)
//	<dir>/outbox.paused    lies there while sending is paused by command (pause.go)
//	<dir>/outbox.open      lies there while the outbox is in use; one that is found at an opening was left by a stop that was none
//	<dir>/outbox.db.damaged-<UTC time>  what was set aside (rebuild.go), the newest three
//	<dir>/spill/*          rows of the exports that are being read; *.delta: what an accepted look changes, until it is applied
//	<dir>/named/*.set      the keys that a source's newest large export of a file family named (named.go), and what its
//	                       exports lack (missing.go); *.trail: the rows of that export in its own order (trail.go)
//	<dir>/listed/*.list    the rejects of a source's newest export of a file family, each once (rejects.go)
//	<dir>/held/*           the bytes of exports that a guard stopped, *.export, the keys that they name, *.set, and their record
//	                       once more, *.held, from which they are held again where outbox.db is lost
//
// # Layout, format 2 (integers big-endian; times in nanoseconds since 1970, UTC)
//
//	meta    "format"                  -> uint32; Open answers ErrNewer to one it does not know
//	meta    "state"                   -> JSON: counters, sequences, destination, paused, identity
//	meta    "awaited"                 -> JSON: since when an export of a source is waited for, by source
//	history "spans"                   -> JSON: what was delivered, waited and failed over time (history.go); not in every file
//	keys    hash8 + key               -> record (record.go): last wanted, acknowledged, doubt; ledger, pending update and
//	                                     dead letter in one, about 42 bytes; ordered by the hash
//	queue   class1 + age8 + row8      -> hashes (8 bytes each, about 100): pending in the order of sending
//	due     due8 + hash8 + key        -> empty: pending or dead, but not before due
//	leases  row8                      -> hashes: handed to the drain, perhaps sent
//	dead    hash8 + key               -> JSON: what the API said (DeadLetter)
//	failed  hash8 + key               -> JSON: what came of the last try of an update that is tried again (Failure)
//	exports id8                       -> JSON: an export taken or refused (Export)
//	files   source 0 name             -> JSON: what was last seen of a file (File)
//	sources source                    -> JSON: first start, newest export, named sets, trails, lists of rejects, tracks (Source)
//	intakes id8                       -> JSON: an accepted look whose changes are not applied yet
//	held    source 0 family           -> JSON: an export that a guard stopped (Held)
//
// Format 1 had no buckets failed and held, no lists and less in a record; Open makes this format of it.
//
// Every value ends in a CRC-32C of its key and itself: bbolt has no check sums on its data pages, and a bit that flips
// there must never become a quantity. hash8 is the xxhash64 of the key, which is inventory's encoded key: writing in the
// order of the hash keeps every write ascending, whatever order an export has. Two keys with one hash are told apart by
// the key that follows it; a hash in queue or leases stands for each of them.
//
// # Promises (Check looks for each; every test ends with Check)
//
//  1. A pending key is in the queue under its class and age, or in due under its time, or leased. Entries of the queue
//     that fit no record any more are stale; they are skipped when they are read, so that a change of quantity touches
//     no index.
//  2. A key is leased on disk, in batches, before its request leaves: after a crash every leased key that still waits is
//     in doubt. So is a canary, which waits while it is leased, and not before or after.
//  3. An acknowledgement lets go of the pending update only if its rev is still the record's.
//  4. What one look at a folder found is accepted by one small transaction, after its changes are durable in a delta
//     file: a crash before it is a harmless re-read, one after it goes on from the delta. The drain gets nothing while a
//     delta is not applied whole, unless the disk is full: then what is delivered may be what makes room.
//  5. The counters of the state equal what the buckets hold.
//  6. A key's last wanted quantity comes from the export of the highest rank that named it. Who named it last is the
//     greater of the record's own rank and the rank of each named set that holds the key: an export in which nothing
//     changed costs no write per row.
//  7. A ledger that is not from this machine, this file or this time is not trusted: every last wanted quantity is made
//     pending again. A crash, a power cut or a night like any other is no reason for that.
//  8. What the rows of a trail say is what is last wanted of their keys, where no record of those has a greater rev than
//     the trail, no key was forgotten since, and the family's named set is still of the trail's rank.
//
// # Damage
//
// Each transaction is guarded: a panic of bbolt's, or a read of memory that the file does not have, is ErrDamaged, and ends
// every use of the file (guard.go). Before each, and by Present, it is seen that the file is no shorter than it was and
// still lies in its place (ErrLost). Some damage no process outlives that lets bbolt meet it. So after a stop that was none,
// VerifyFile reads the file in a process of its own, first its pages without bbolt (pages.go), then every value; the agent
// has Rebuild set a damaged one aside. Open itself looks at the pages then, so that no command goes round in circles. What
// cannot be read for another reason is never called damaged.
package outbox
