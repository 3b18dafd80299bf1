// Package home serves the home folder that administrators reach with scp and
// sftp: kata.pem can be written, ssl/kata.crt can be read, and nothing else
// exists. Both protocols of scp are spoken, SFTP and the older one.
//
// The folder is virtual: a path of a client is compared with the two names and
// never reaches a file system. Above the folder is nothing, so that ../kata.pem
// is kata.pem, as in every changed root.
//
// An upload is given to the Folder whole and once, at a CLOSE of SFTP or at the
// end of scp's record. Whatever ends earlier, has holes, is empty or too long,
// leaves the earlier file. SFTP does not announce the length of a file: a client
// that stops and closes the file properly has uploaded what it sent, which the
// installation of kata.pem will refuse.
package home
