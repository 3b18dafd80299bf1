// Package home serves the home folder that administrators reach with scp and
// sftp: kata.pem can be written, ssl/kata.crt can be read, and nothing else
// exists. Both protocols of scp are spoken, SFTP and the older one.
//
// The folder is virtual: a path of a client is compared with the two names and
// never reaches a file system.
package home
