package page

// Where a line may end within a text that nobody wrote to be read.
const longWord = 24 // characters: from so many on anywhere

// Pieces cuts a text where a line may end: after spaces and hyphens, as browsers
// do by themselves, in fingerprints between their groups, and anywhere in words
// that are longer than people write. Templates put a <wbr> between the pieces.
func Pieces(text string) (out []string) {
	begin, n := 0, 0 // n characters since a line could end
	for i, c := range text {
		if n >= longWord || n >= groupLength && text[i-1] == ':' {
			out, begin, n = append(out, text[begin:i]), i, 0
		}
		if n++; c == ' ' || c == '-' {
			n = 0
		}
	}
	if begin < len(text) {
		out = append(out, text[begin:])
	}
	return out
}
