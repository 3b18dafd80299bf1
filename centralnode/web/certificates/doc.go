// Package certificates is the section Settings, subsection Certificates, of the
// web interface: the server certificate of the Central Node, and the
// certificates by which Endpoint Agents are known, with the switch above them.
//
// It asks before it does, and tells afterwards what is left to do and for whom.
// What may be done, what it breaks and what it did are the acts' to say. Private
// keys that pass through here, in files that are uploaded and in containers that
// are fetched, are in the memory of one session for a while and nowhere else.
package certificates
