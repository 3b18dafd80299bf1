// Package yara is the engine that compares objects with YARA rules, by the
// programs of the YARA project (Debian package yara; written against 4.2.3).
//
// # Rules
//
// The configuration names files, and folders whose *.yar and *.yara files are
// taken in the order of their names; hidden files and folders in them are not.
// Each file has a namespace of its own, so that two files may use one name for
// different rules, and a global rule concerns its own file. Files may include
// others. External variables are not defined.
//
// The rules are compiled once, by yarac, and again when a file, an included file
// or one of the two programs changes, which is looked at every ten seconds at
// most. Rules that do not compile leave the ones that were in use where they
// are, also over a restart, and Health says what the compiler says. Rules that
// hold no rule are treated so too: an empty folder is a mistake.
//
// A detection is named by its rule. The rule's meta data say how much it
// matters: importance = "high", "medium" or "low"; high is what counts when they
// say nothing or another thing.
//
// # An object
//
// Each object is looked at by one process, which cannot hurt the daemon: it gets
// the object and the rules as open files, no environment, no input, an empty
// folder, and limits of memory, processor time, open files and output; it can
// write no file, leaves no core, and dies with the daemon. It has a process
// group of its own, which is killed when time is up and when it has ended.
//
// # What counts as looked at
//
// Exit status 0 and no output would be what a program says that did nothing. So
// one rule of ours is compiled behind all others, which is true when the object
// has the size that was submitted: only an output that ends with it counts, and
// no object can forge it, since the namespaces begin with a number drawn for each
// compilation. Without it, a scan is an error, or a timeout, or what was found
// until then with the reason in Result.Skipped. The same goes for rules of which
// YARA says that their results may be incorrect.
package yara
