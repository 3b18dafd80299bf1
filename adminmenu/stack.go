package adminmenu

// top is the window that the person sees; nil: none yet.
func (s *menuSession) top() *window {
	if len(s.stack) == 0 {
		return nil
	}
	return s.stack[len(s.stack)-1]
}

// open puts a window on top.
func (s *menuSession) open(w *window) {
	if w.part != nil {
		w.focus = inPart
		w.part.enter(1)
	}
	s.stack = append(s.stack, w)
}

// close takes a window, and what lies over it, from the stack.
func (s *menuSession) close(w *window) {
	for i, one := range s.stack {
		if one == w {
			s.cut(i)
			return
		}
	}
}

// backTo takes every window over w from the stack, and loads w anew.
func (s *menuSession) backTo(w *window) {
	for i, one := range s.stack {
		if one == w {
			s.cut(i + 1)
			return
		}
	}
}

// holds reports whether a window is on the stack: whoever comes back from the
// background asks it.
func (s *menuSession) holds(w *window) bool {
	for _, one := range s.stack {
		if one == w {
			return true
		}
	}
	return false
}

// cut leaves the n lowest windows.
func (s *menuSession) cut(n int) {
	for i := len(s.stack) - 1; i >= n; i-- {
		w := s.stack[i]
		if w.live != nil && w.live.stop != nil {
			w.live.stop()
			w.live.stop = nil
		}
		s.stack[i] = nil // the window may hold a key
		s.stack = s.stack[:i]
		if w.closed != nil {
			w.closed()
		}
	}
}
