// Package page is what every page of the web interface is made with: routes
// that name the act they are for, one way to show a page, one way to take a
// form, one way to ask before something is done, one way to say what went
// wrong, the style sheet, the script and the small set of components. It knows
// no act: rooms of pages give it their templates and handlers, and get what they
// show from the acts.
//
// # Templates
//
// A page defines "content". Its dot has .Data (the room's), .Title, .Path,
// .Token and .May "act". Every form with method post has {{template "token" $}},
// and the revision of what it shows as "seen" where the act takes one. The
// components are:
//
//	{{template "token" $}}                      hidden field of a form
//	{{template "fingerprint" .Fingerprint}}     breaks between groups, can be copied; serial numbers, too
//	{{template "badge" (badge .State)}}         state by word, shape and colour; (badge "3 late" "waiting") names its tone
//	{{template "moment" .Time}}                 time in UTC
//	{{template "sort" (sort $ "name" "Host")}}  header cell that sorts; (sort $ "n" "Events" "number") with a class
//	{{template "pager" .Data.Pager}}            of NewPager
//	{{template "preview" .Preview}}             what an act will do, with its consequences
//
// and the functions ago, days, size, rate, number, plural, dash, role, query, prose (text in
// which fingerprints break between groups, and long words anywhere) and sentence (an error's text or
// hint with capital letter and full stop). Classes
// of the style sheet: panel, panels, scroll (around a table), facts (a dl), bar
// (buttons), primary, danger, small, field with hint and error, row (fields side
// by side), check and option (labels around their box), filter (details in a
// header cell) with clear beside it, count, quiet, empty, number, unseen.
//
// # Live pages
//
// View.Live makes the regions of a page follow what happens:
//
//	<section id="hosts" data-live><p class="count" data-say>12 hosts, 2 new</p> ...</section>
//
// A region is a section or div with an id. The page's script asks the same
// address for events; the handler is asked again every two seconds, "content" is
// rendered, and the regions that differ from what the browser has said it shows
// are sent ("regions"). Tokens of forms are no difference. The script takes a
// region over element by element, by id and data-key, so that focus, caret,
// selection, check boxes, open details and scroll stay; it reads out elements
// with data-say whose text became another. A handler of a live page gives the
// same text for the same state. "ended" leads to the sign-in page when the
// session has ended, "gone" says that the page can be shown no longer, "beat"
// that nothing happened. Following does not keep a session alive.
//
// A table to which rows come by events of the room's own (NewEvents) has
// data-rows, data-rows-max, and data-rows-button and data-rows-note beside it.
//
// # Forms
//
// A form is done once, however often it is sent, and whoever sends it again is
// told what came of it (but see View.Once). The deed goes on when the browser
// leaves. Forms are read into memory, bounded, and files are overwritten
// afterwards.
package page
