// Package builtin is the engine that needs no other program. It knows four
// things of an object: whether it is the EICAR test file, whether its MD5 or
// SHA-256 is on a list, whether a byte rule is true of it, and what type of
// file it is.
//
// It looks at the bytes of an object as they are. No archive, message or
// document is opened in this process: an EICAR in a ZIP file or in a mail's
// base64 attachment is for an engine that unpacks (clamd), or for one whose
// rules say so (yara).
//
// # EICAR
//
// The test file is what its publisher says (eicar.org, "Anti Malware Testfile"):
// its 68 bytes at the very start, then at most 60 more, each of them a space,
// tab, line feed, carriage return or CTRL-Z. The same bytes anywhere else are
// not a test file.
//
// # Hash lists
//
// One hash a line: MD5 or SHA-256 in hexadecimal digits of any case, a name, and
// how much it matters, between spaces or tabs. A name is one word of at most 128
// bytes. Without high, medium or low a hash counts as high. Empty lines and lines
// that begin with # say nothing. One hash may stand on several lines, and gives
// all of their names.
//
//	275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f  EICAR.Copy  low
//
// # Byte rules
//
// One rule a line: a name, how much it matters, perhaps a type of file, and
// conditions of which every one has to be true.
//
//	NAME high|medium|low [type MEDIA/TYPE] CONDITION [and CONDITION]...
//
//	CONDITION:  hex DIGITS  or  text "BYTES"
//	            then  at OFFSET,  within SIZE  or  anywhere
//
//	Pe.Downloader  high  type application/vnd.microsoft.portable-executable  hex 4d5a at 0 and text "evil.example" anywhere
//	Rtf.Equation   medium  text "{\\rtf" at 0 and text "Equation.3" within 65536
//
// OFFSET and SIZE are numbers of bytes; within means that all of the pattern is
// in the first SIZE bytes. In BYTES the escapes are \" \\ \n \r \t and \xHH, and
// text is compared byte by byte. A pattern has 4 to 1024 bytes, at an offset 1
// to 1024. A type is one that this package recognises, and is also true of what
// is derived from it: application/zip of every document that is a ZIP file.
//
// # When files change
//
// Every ten seconds at most, when somebody scans or asks for the health, the
// files are looked at again. What cannot be read or does not parse leaves the
// rules that its file had before in use, and Health says which line is wrong.
// Until a file was read once, nothing is called clean.
package builtin
