package e2e

import (
	"net/http"
	"strings"

	"vedette/internal/acts"
)

// systemLines are the commands about external systems, their alerts and their
// scans, by everybody who may give them and by some who may not.
func (k *talk) systemLines(n *node) {
	k.t.Helper()
	s := newSystem(k.t, n, "gate")
	if code, body := s.curl(s.scanner("connection")); code != http.StatusUnauthorized {
		k.t.Fatalf("before Accept: %d %s", code, body)
	}
	which := s.id + "/" + s.fingerprint
	k.says(0, s.fingerprint, "external-system list", "")
	k.says(0, "Compare the fingerprint", "external-system show gate", "")
	k.says(3, "error: ", "external-system show nobody", "")
	k.says(3, "error: ", "external-system accept nobody/"+s.fingerprint+" --yes", "")

	before := s.shown()
	k.says(4, "hint: ", "external-system accept gate", "")
	k.says(2, "error: ", "external-system accept gate --yes", "") // nobody compared
	k.says(2, "error: ", "external-system accept "+which+" --type printer --yes", "")
	k.says(4, "error: ", "external-system accept "+which+" --yes --revision 1", "") // looked at long ago
	k.says(0, "treated as a mail sensor", "external-system accept "+which+" --type mail --dry-run", "")
	k.says(0, "request", "external-system delete gate --dry-run", "")
	k.says(0, "", "external-system priority on --dry-run", "")
	list := read[acts.ExternalSystemList](n, "external-system", "list")
	if after := s.shown(); after.State != before.State || !after.Decided.IsZero() || list.MaximumScanPriority {
		k.t.Errorf("before anybody has said --yes: %+v, %+v", after, list)
	}
	k.says(0, "accepted", "external-system accept "+which+" --type mail --yes", "")
	k.says(4, "error: ", "external-system accept "+which+" --type mail --yes", "") // done already
	if shown := s.shown(); shown.State != acts.Accepted || shown.Type != acts.MailSensor || shown.DecidedBy != "admin" {
		k.t.Errorf("accepted: %+v", shown)
	}
	k.says(0, "", "external-system priority on", "")

	if code, body := s.submit(s.write("eicar.com", eicar), "1"); code != http.StatusOK {
		k.t.Fatalf("%d %s", code, body)
	}
	if v := s.verdict("1"); v != "detect" {
		k.t.Errorf("the EICAR test file: %s", v)
	}
	k.says(0, "EICAR", "alert list --state new --system gate", "")
	k.says(0, "gate", "alert show 1", "")
	k.says(3, "error: ", "alert show 2", "")
	k.says(3, "error: ", "alert state 2 closed", "")
	k.says(2, "error: ", "alert state 1 done", "")
	k.says(2, "error: ", "alert show one", "")
	k.says(0, "", "alert state 1 in-process", "")
	k.systemRoles()
	k.sameAsHere("external-system list --output json", "external-system show gate --output json", "external-system priority",
		"alert list", "alert list --output json", "alert show 1 --output json", "scan show", "scan show --output json")
	k.says(0, "rejected", "external-system reject gate --yes", "")
	k.says(0, "deleted", "external-system delete gate --yes", "")
	k.says(3, "error: ", "external-system delete gate --yes", "")
	if code, body := s.curl(s.scanner("scans/filters")); code != http.StatusUnauthorized || !strings.Contains(body, `"pending"`) {
		k.t.Errorf("after Delete: %d %s", code, body)
	}
}

// systemRoles has an officer and an auditor give commands.
func (k *talk) systemRoles() {
	k.t.Helper()
	password := k.write("password", "Correct-horse-7\n")
	for role, lines := range map[string]map[string]int{
		"security-officer": {
			"external-system list": 6, "external-system show gate": 6, "external-system reject gate --yes": 6, "external-system reject gate --dry-run": 6,
			"external-system priority": 6, "external-system priority off": 6,
			"alert list": 0, "alert show 1": 0, "alert state 1 closed": 0, "scan show": 0,
		},
		"security-auditor": {
			"external-system list": 0, "external-system show gate": 0, "external-system delete gate --yes": 6, "external-system accept gate --type other --dry-run": 6,
			"external-system priority": 0, "external-system priority off": 6,
			"alert list": 0, "alert show 1": 0, "alert state 1 new": 6, "scan show": 0,
		},
	} {
		k.daemon.must("account", "create", role, "--role", role, "--password-file", password)
		k.addKey(role, role)
		for line, code := range lines {
			o := k.doLine("", k.lineBy("ssh", []string{"-i", k.path(role), "-o", "BatchMode=yes"}, nil, role+"@HOST", line))
			k.check(code, "", line+", by a "+role, o)
			if code != 0 && o.out != "" {
				k.t.Errorf("%q, by a %s, writes %q", line, role, o.out)
			}
		}
	}
	if a := read[acts.Alert](k, "alert", "show", "1"); a.State != acts.AlertClosed || a.StateBy != "security-officer" {
		k.t.Errorf("the alert: %+v", a)
	}
	list := read[acts.ExternalSystemList](k, "external-system", "list")
	if len(list.Systems) != 1 || list.Systems[0].State != acts.Accepted || !list.MaximumScanPriority {
		k.t.Errorf("after those who may not: %+v", list)
	}
}
