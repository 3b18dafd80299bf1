// Package scan takes objects from external systems, has engines look at them,
// and keeps what came of it until the system has read and deleted it.
//
// An object arrives through Begin, Upload.Write and Upload.Commit. It goes to a
// spool under a quota and is hashed on its way; when Commit has returned nil,
// object and record are on disk, and the object will have a verdict whatever
// happens: after kill -9 or a power cut it is scanned again. Each engine has
// workers of its own, which take objects in the order that queue describes, each
// with a time limit; so no engine waits for another. One that fails is tried
// again. As soon as an engine has found something the alert is made durable, and
// after that the verdict; the alerts of others that still look follow, and the
// object stays until they are done. All of it may be repeated after a crash, and
// Finding.Origin tells that it is the same finding.
//
// # Verdicts
//
// Any detection of any engine is "detect", also when another engine failed. Else,
// when an engine failed until no try was left, or skipped a part of the object,
// there is no answer: "timeout" when all that failed took too long, "error" with
// the reason otherwise. Only what every engine has looked at wholly is "not
// detected". An engine that panics has failed; one that does not end when it is
// told to is given up on, and not asked any more while eight of its calls hang.
// One that fails three times in a row is tried with a small harmless object of
// our own. While it fails at that too, objects are not brought to it: that counts
// as a try that failed, so that they have their verdict when their tries and the
// waits between them are over, and not after many times the time limit. Once the
// trial succeeds, those that wait for another try have it at once.
// An object during whose scan the daemon died four times is "error" too, so that
// nobody can keep the daemon down with one submission.
//
// # What is on disk
//
// Records are in scan.db, apart from the daemon's own state file: scans come and
// go by the thousand, and trust must not suffer when their file is damaged or
// full. Changes of many callers are written and synced as one. An object of up
// to 16 KiB is inside its record's transaction, which takes two to three times as
// many of them a second as files do (BenchmarkSubmit); a larger one is a file of
// its own.
//
// # Faults
//
// Files without a record are what a crash left of uploads and deletions, and go
// at the start. When the state file was made anew, or is an older one from a
// backup, they may be objects that were acknowledged: then they are kept aside,
// and Status says what to do.
//
// Open fails only for a Config that can never work. A folder that cannot be used
// leaves the room unavailable, and Run tries again until it can. A full disk
// refuses the object that it has no room for, leaves nothing of it, and takes the
// next one when there is room. After a failed sync of the state file nothing is
// taken until the daemon is started anew, since nobody knows what the disk holds.
//
// What the room leaves to others: who may submit and read (package external),
// what an alert is (package alerts), how to find something (the engines).
package scan
