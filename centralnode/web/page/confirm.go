package page

// Ask shows the window that asks before an act: what it will do, what the
// documentation says that it breaks, with today's numbers, and two ways on. The
// form carries the revision of the preview, so that an act on what has changed
// meanwhile is refused.
func (k *Kit) Ask(c Confirm) View {
	if c.Yes == "" {
		c.Yes = "Yes"
	}
	return View{Template: "page/confirm.html", Title: c.Title, Above: c.Above, Data: c}
}
