// Package cli is what the command trees of the daemons share: exit codes and
// error messages, output as tables and JSON, the question before an act that
// breaks something, and the way of a command from the local binary to the
// daemon.
//
// A tree is built anew for each command line and is executed in one of two
// places. The daemon (over SSH, or over its unix socket) runs it as it is, by
// the hook that [Inside] makes. The local binary builds the same tree, so that
// arguments, help and completion need no daemon, and gives it to a [Forwarder],
// which replaces what commands marked with [Remote] do: they travel to the
// daemon as they were typed. What names a local file is read locally and travels
// as standard input; what draws is lent the terminal ([Screen]).
//
// [Program] makes a tree the local binary's: it reads the configuration, and
// adds run (which [Serve] does, with the doors for administrators), config,
// reset-password and completion. The commands that every daemon has are here
// too: [Certificate], [Account], [Audit] and [Menu].
package cli
