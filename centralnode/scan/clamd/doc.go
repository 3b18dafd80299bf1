// Package clamd has objects looked at by ClamAV's daemon, over its own protocol
// on a Unix socket or TCP: one connection for each object (zINSTREAM), the
// object's bytes in one piece, the answer read while they are still being
// written, since clamd refuses what is too long in the middle of it.
//
// clamd says OK also about what it passed over: files above its limits, deeply
// nested archives, encrypted members. Nothing in its protocol tells its settings,
// so this package sends small archives that exceed its limits and believes an OK
// only of a clamd that reported all of them:
//
//   - one nested more deeply than any sensible MaxRecursion, which clamd reports
//     with AlertExceedsMax;
//   - one with an encrypted member, which it reports with AlertEncrypted. These two
//     are sent when what is known is older than checkFor, or a connection failed;
//   - one whose member unpacks to a little more than Config.MaxFileSize. clamd 1.4
//     cuts such a member of a ZIP at MaxFileSize, looks at its head and says
//     nothing, whatever AlertExceedsMax is, unless MaxScanSize is reached too: that
//     is so when MaxFileSize is not less than MaxScanSize. Since clamd writes a
//     temporary file of that size, this one is sent at first, after a broken
//     connection, when the database changed, and every thoroughFor.
//
// As long as one of them is not reported, an object that clamd calls OK is
// Skipped, and Health says which setting to change. What clamd reports that it
// did not look at (Heuristics.Limits.Exceeded, Heuristics.Encrypted) is Skipped
// as well and no detection: an alert says that something was found. Whoever asks
// clamd to report encrypted archives wants them not to pass as clean, and they
// do not.
//
// What remains: analyses that clamd leaves out above limits of their own
// (MaxEmbeddedPE, MaxHTMLNormalize, MaxHTMLNoTags, MaxScriptNormalize,
// MaxZipTypeRcg, PCREMaxFileSize, MaxPartitions, MaxIconsPE) are never reported;
// the bytes themselves are looked at. Files of other formats may be read in part
// where clamd's own reader of them gives up.
//
// Over TCP objects travel in the clear and clamd is not authenticated: that is
// for the same server or a network that is trusted as much.
package clamd
