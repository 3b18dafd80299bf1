package pagetest

import "strings"

// twins names the landmarks of a page that share role and name: whoever jumps
// from one to the next hears no difference between them.
func (p *Page) twins() []string {
	var out []string
	seen := make(map[string]bool)
	for _, tag := range []string{"section", "nav", "form", "div", "aside"} {
		for _, e := range p.root.All(tag) {
			kind := e.Attr["role"]
			if kind == "" {
				kind = map[string]string{"section": "region", "nav": "navigation", "form": "form", "aside": "complementary"}[tag]
			}
			name := e.Attr["aria-label"]
			if id := e.Attr["aria-labelledby"]; id != "" {
				name = ""
				if label := p.root.Find("#" + id); label != nil {
					name = label.Text()
				}
			}
			landmark := kind + " " + name
			switch _, hidden := e.Attr["hidden"]; {
			case hidden || name == "" || !strings.Contains(" region navigation form search complementary ", " "+kind+" "):
			case seen[landmark]:
				out = append(out, landmark)
			default:
				seen[landmark] = true
			}
		}
	}
	return out
}
