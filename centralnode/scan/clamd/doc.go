// Package clamd has objects looked at by ClamAV's daemon, over its own protocol
// on a Unix socket or TCP: one connection for each object (zINSTREAM), the
// object's bytes in one piece, the answer read while they are still being
// written, since clamd refuses what is too long in the middle of it.
//
// clamd says OK also about what it passed over: files above its limits, deeply
// nested archives, encrypted members, kinds of documents that it is told not to
// open. Nothing in its protocol tells its settings, so this package sends small
// objects and believes an OK only of a clamd that reported all of them:
//
//   - an archive nested more deeply than any sensible MaxRecursion, which clamd
//     reports with AlertExceedsMax;
//   - one with an encrypted member, which it reports with AlertEncrypted;
//   - a mail, an HTML page, a PDF, an OLE2 and a Word XML document, each with that
//     encrypted archive in it where only their reader finds it (ScanMail, ScanHTML,
//     ScanPDF, ScanOLE2, ScanXMLDOCS). All of these are sent when what is known is
//     older than checkFor, or a connection failed; that takes some 15 ms;
//   - one whose member unpacks to a little more than Config.MaxFileSize. clamd 1.4
//     cuts such a member of a ZIP at MaxFileSize, looks at its head and says
//     nothing, whatever AlertExceedsMax is, unless MaxScanSize is reached too: that
//     is so when MaxFileSize is not less than MaxScanSize. Since clamd writes a
//     temporary file of that size (3 s for 400 MiB), this one is sent at first, after
//     a broken connection, to another clamd, when the database changed, and every
//     thoroughFor.
//
// clamd reads its settings when it starts. A connection that is kept open (see
// watch) tells at once that it was restarted, and an OK counts only when it is of
// the clamd that was tried out. Behind one address there has to be one clamd.
//
// As long as one of them is not reported, an object that clamd calls OK is
// Skipped, and Health says which setting to change. What clamd reports that it
// did not look at (Heuristics.Limits.Exceeded, Heuristics.Encrypted) is Skipped
// as well and no detection: an alert says that something was found. Whoever asks
// clamd to report encrypted archives wants them not to pass as clean, and they
// do not.
//
// What remains:
//
//   - members of a ZIP that are packed by a method clamd does not know (LZMA, xz,
//     zstd, PPMd and others): it calls them OK in silence, and no setting changes
//     that. A signature does, in whatever they lie, a mail or another archive. This
//     line in a file that ends in .ndb, in its DatabaseDirectory:
//     Vedette.NotLookedAt.Zip:0:*:504b0304????????(01|02|03|04|05|0a|0e|14|5d|5f|60|61|62)00
//     What it reports is Skipped. Nobody has to have it: only who runs clamd can put
//     it there;
//   - archives that clamd's reader gives up at, damaged or cut off, and what it does
//     not take for what it is, such as a mail that begins with none of the usual
//     headers: OK in silence;
//   - kinds that a setting closes and no probe tries (ScanSWF, ScanHWP3,
//     ScanOneNote, ScanImage; ScanPE and ScanELF, without which packed programs stay
//     packed): all are yes unless somebody changes them;
//   - analyses above limits of their own (MaxEmbeddedPE, MaxHTMLNormalize,
//     MaxHTMLNoTags, MaxScriptNormalize, MaxZipTypeRcg, PCREMaxFileSize,
//     MaxPartitions, MaxIconsPE), which are never reported.
//
// In all these cases clamd looks at the bytes as they are.
//
// Over TCP objects travel in the clear and clamd is not authenticated: that is
// for the same server or a network that is trusted as much.
package clamd
