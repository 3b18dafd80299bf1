// Package audit is the section Audit of the web interface: who did what, from
// where and through which face, the check that no record was changed, and the
// export of records.
package audit
