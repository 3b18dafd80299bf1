package share

// Owners is how many owners are remembered.
func (s *Share[O]) Owners() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.turns.owners)
}
