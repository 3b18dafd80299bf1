// Package openapitest holds exchanges of tests against the description of the
// REST API: what is asked, what is answered, and that everything described was
// asked and answered at least once.
//
// Answers are judged strictly: a status that is not described, a member that is
// not described, a body where none belongs, each fails the test and names the
// operation. A request has to match the description when it was answered with
// success; one that was refused may be as wrong as it likes. Bodies of objects
// stream through and are never held.
package openapitest
