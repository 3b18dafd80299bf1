// Package alerts is what was detected and has to be dealt with by people: one
// alert for each detection of an engine, kept in the Central Node's state file,
// so that a change of its state commits together with its audit record.
//
// An alert is durable when Add returns, has the next number (1, 2, 3, ...
// without gaps, also after a restart and after rotation), and exists once
// however often its finding is reported. What is needed to count, to choose and
// to page is kept in memory and rebuilt by Open; texts are read from the state
// file a page at a time.
//
// Rotation keeps the newest Documented alerts of each technology. It happens at
// RotationHour in the night, or at the next start when the daemon was down
// then, and makes no difference between alerts that are New, In process and
// Closed: so it is documented. The log says how many of each were removed.
// Between two nights two bounds hold, so that a flood of detections cannot fill
// the state file: twice as many of each technology, and MaxBytes for all
// together. Beyond them each new alert pushes the oldest out, and the log says
// how many.
//
// An ordinary alert takes about 700 bytes; one made of the longest texts that
// are kept, each of characters that JSON writes in six bytes, takes 29 KiB. The
// file takes up to three times what is in it. In memory an alert takes 150 bytes:
// 40,000 (both technologies between two rotations as documented) 6 MiB.
//
// Keys in the state file:
//
//	alert/<ID, 16 hex digits>   one alert
//	alerts                      the number given last, and the last rotation
package alerts
