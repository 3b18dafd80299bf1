package adminmenu

const titleHelp = "Help on keys"

// help shows the keys of the window on top. It is made of the same tables as
// the footer.
func (s *menuSession) help() {
	if s.title() == titleHelp {
		return
	}
	lines := []line{heading("Keys of " + s.title())}
	seen := map[string]bool{}
	for _, b := range s.bindings() {
		if b.help != "" && !seen[b.name] {
			seen[b.name] = true
			lines = append(lines, value(b.name, b.help))
		}
	}
	w := &window{title: titleHelp, text: text{lines: lines}}
	w.buttons = []button{{wordClose, func() { s.close(w) }}, {"Display", s.display}}
	s.open(w)
}

// display lets a person change how the menu is drawn, for this session.
func (s *menuSession) display() {
	l := &list{}
	w := &window{title: "Display", part: l, text: text{lines: []line{words("How the menu is drawn in this session. ENTER changes it.")}}}
	var fill func()
	fill = func() {
		borders, colours := "line drawing", "16 colours"
		if s.look.ascii {
			borders = "ASCII: - | +"
		}
		if s.look.mono {
			colours = "none"
		}
		l.set([]choice{
			{"Borders", borders, func() { s.look.ascii = !s.look.ascii; fill(); s.redraw() }},
			{"Colours", colours, func() { s.look.mono = !s.look.mono; fill(); s.redraw() }},
		})
	}
	fill()
	w.buttons = []button{{wordClose, func() { s.close(w) }}}
	s.open(w)
}
