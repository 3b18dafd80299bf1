package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// person goes through an administrator menu by the words on the screen, as the
// documentation tells it, and keeps every screen that it says something of.
type person struct {
	*terminal
	kept strings.Builder
}

// signsIn opens the menu with ssh, and types a password where ssh asks for it.
// Further arguments come before the account.
func (k *desk) signsIn(name, password string, args ...string) *person {
	k.t.Helper()
	p := k.opens(k.lineByPassword("ssh", append(args, name+"@HOST")...))
	p.expect("assword:")
	p.write(password)
	p.press("Enter")
	p.expect("Administrator menu", "Status")
	return p
}

// comesIn opens the menu as admin with the key.
func (k *desk) comesIn(args ...string) *person {
	k.t.Helper()
	p := k.opens(k.line("ssh", append(args, "admin@HOST")...))
	p.expect("Administrator menu", "Status")
	return p
}

// opens runs a command line at a terminal, where nothing types a password.
func (k *desk) opens(line []string) *person {
	k.t.Helper()
	return &person{terminal: newTerminal(k.t, slices.Concat([]string{"env", "-u", "SSH_ASKPASS", "-u", "SSH_ASKPASS_REQUIRE", "-u", "SSH_AUTH_SOCK", "LC_ALL=C.UTF-8", "HOME=" + k.dir}, line)...)}
}

// done notes what the person does next.
func (p *person) does(format string, args ...any) {
	fmt.Fprintf(&p.kept, "=== "+format+"\n", args...)
}

// sees waits until all words are on the screen and nothing moves any more, and
// keeps the screen.
func (p *person) sees(words ...string) string {
	p.t.Helper()
	last := ""
	seen := p.until(strings.Join(words, ", "), func(seen string) bool {
		still := masked(seen) == last && hasAll(seen, words) && !strings.Contains(seen, "Loading ...") && !strings.Contains(seen, "Working ...")
		last = masked(seen)
		return still
	})
	p.kept.WriteString(seen + "\n")
	return seen
}

// keeps compares the screens since the last call with the golden ones.
func (p *person) keeps(name string) {
	p.t.Helper()
	golden(p.t, name, p.kept.String())
	p.kept.Reset()
}

// selects moves to an entry of a list, or to a button, by its word.
func (p *person) selects(word string) {
	p.t.Helper()
	button, entry := "["+word+"]", regexp.MustCompile(`(?m)^. (> |  )(\d  )?`+regexp.QuoteMeta(word)+`\b`)
	seen := p.until("the word "+word, func(seen string) bool { return strings.Contains(seen, button) || entry.MatchString(seen) })
	if strings.Contains(seen, button) {
		p.tabs("["+word+"]", func(seen string) bool { return strings.Contains(seen, ">"+button+"<") })
		return
	}
	p.moves(word, entry)
}

// opensRow opens the row of a table that begins with a word. A word that ends
// with punctuation goes on with anything: a fingerprint may begin with + or /.
func (p *person) opensRow(word string) {
	p.t.Helper()
	begins := regexp.QuoteMeta(word)
	if !strings.HasSuffix(word, ":") {
		begins += `\b`
	}
	p.tabs("the table", func(seen string) bool { return !strings.Contains(seen, "]<") })
	p.moves(word, regexp.MustCompile(`(?m)^. (> |  )`+begins))
	p.does("%s, ENTER", masked(word))
	p.press("Enter")
}

// tabs goes to a place of the window.
func (p *person) tabs(place string, there func(seen string) bool) {
	p.t.Helper()
	seen := p.screen()
	for range 20 {
		if there(seen) {
			return
		}
		seen = p.after("Tab", seen)
	}
	p.t.Fatalf("Tab does not reach %s:\n%s", place, seen)
}

// moves goes to an entry of the list or table that has the focus.
func (p *person) moves(word string, entry *regexp.Regexp) {
	p.t.Helper()
	seen := p.expect(word)
	for range 40 {
		wanted, now := entry.FindStringIndex(seen), selectedEntry.FindStringIndex(seen)
		switch {
		case wanted == nil || now == nil:
			p.t.Fatalf("%q cannot be selected:\n%s", word, seen)
		case wanted[0] == now[0]:
			return
		case wanted[0] < now[0]:
			seen = p.after("Up", seen)
		default:
			seen = p.after("Down", seen)
		}
	}
	p.t.Fatalf("%q is not reached:\n%s", word, seen)
}

// after presses a key that has to change something, and returns the screen when
// it has. Times and figures that go on by themselves are no change: who took them
// for one would press again too soon, and be one further than is seen.
func (p *person) after(key, seen string) string {
	p.t.Helper()
	standing := func(seen string) string { return masked(seen) + selectedLine.FindString(seen) + p.cursor() }
	before, last := standing(seen), ""
	p.press(key)
	return p.until("what is selected after "+key, func(seen string) bool {
		now := standing(seen)
		moved := now != before && now == last
		last = now
		return moved
	})
}

// cursor is where the cursor stands, when it is shown.
func (p *person) cursor() string {
	p.t.Helper()
	if at := p.shows("cursor_flag,cursor_x,cursor_y"); strings.HasPrefix(at, "1") {
		return at
	}
	return ""
}

var (
	selectedEntry = regexp.MustCompile(`(?m)^. > `)
	selectedLine  = regexp.MustCompile(`(?m)^. > .*$`)
)

// chooses selects an entry or a button and presses ENTER.
func (p *person) chooses(word string) {
	p.t.Helper()
	p.selects(word)
	p.does("%s, ENTER", masked(word))
	p.press("Enter")
}

// enters types into the field that has the cursor.
func (p *person) enters(text, shown string) {
	p.t.Helper()
	p.does("types %s", shown)
	p.write(text)
}

// back presses Esc and waits for the window that comes.
func (p *person) back(words ...string) {
	p.t.Helper()
	p.press("Escape")
	p.expect(words...)
}

// settings goes from the main window to a window of Program settings.
func (p *person) settings(word, title string) {
	p.t.Helper()
	p.chooses("Program settings")
	p.sees("┌─ Program settings ─")
	p.chooses(word)
	p.expect("┌─ " + title + " ─")
}

// leaves chooses Exit, as documented, and the program ends with success.
func (p *person) leaves() {
	p.t.Helper()
	p.chooses("Exit")
	p.sees("Leave the administrator menu?")
	p.chooses("Yes")
	if code := p.ends(); code != 0 {
		p.t.Errorf("ssh ended with %d:\n%s", code, p.screen())
	}
}

// leaveAnywhere leaves the menu from any window.
func (p *person) leaveAnywhere() {
	p.t.Helper()
	for range 12 {
		before := p.screen()
		switch {
		case strings.Contains(before, "Leave the administrator menu?"):
			p.chooses("Yes")
			p.ends()
			return
		case strings.Contains(before, "Leave?"):
			p.chooses("Yes")
		default:
			p.press("Escape")
		}
		p.settles("something else", func(seen string) bool { return seen != before })
	}
	p.t.Fatalf("Esc does not leave the menu:\n%s", p.screen())
}

// menuSite is a Sensor and a Central Node whose names and addresses never change,
// so that their screens do not either.
func menuSite(t testing.TB) (n *node, s *sensor, atNode, atSensor *desk) {
	t.Helper()
	at := newSite(t)
	at.routed(t)
	n = &node{prepare(t, "centralnode", siteNode+":443", "")}
	s = &sensor{prepare(t, "sensor", siteSensor+":443", "")}
	for _, of := range []struct {
		*daemon
		namespace, ssh, host string
		lines                []string
	}{{n.daemon, at.node, siteNode, "central-node", nil}, {s.daemon, at.sensor, siteSensor, "sensor", []string{`name = "branch-1"`}}} {
		of.inside = append(in(of.namespace), onHost(of.host)...)
		of.daemon.ssh = of.ssh + ":22"
		of.configure(of.lines...)
		of.start()
	}
	return n, s, newDesk(n.daemon), newDesk(s.daemon)
}

// onHost is a command line's beginning that gives the rest a host name.
func onHost(host string) []string {
	return []string{"unshare", "--uts", "sh", "-c", "hostname " + host + `; exec "$@"`, "--"}
}
