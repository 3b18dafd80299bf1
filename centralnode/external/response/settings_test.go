package response_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"vedette/proto/problem"
)

const (
	isolation  = "settings?settings_type=network_isolation&sensor_id=" + hostOne
	misspelt   = "settings?settings_type=network_izolation&sensor_id=" + asUUID
	prevention = "settings?settings_type=prevention&sensor_id=" + hostOne
	everywhere = "settings?settings_type=prevention&sensor_id=all"
	task       = "tasks/2EEB4CBC-10C6-4DC4-BE0A-72A75CDB0BE8?task_type=run_process&sensor_id=" + hostOne

	isolationBody  = `{"settings":{"autoTurnoffTimeoutInSec":7200,"excludedRules":[{"direction":"outbound","protocol":6,"remoteIpv4Address":"10.0.0.1","localPortRange":{"fromPort":1,"toPort":2}},{"remoteIpv6Address":"2001:db8::1","remotePortRange":{"fromPort":0,"toPort":65535},"direction":"both"},{}]}}`
	preventionBody = `{"settings":{"objects":[{"file":{"sha256":"830195824B742ee59390bc5b9302688c778fc95a64e7d597e28a74c03a04dd63"}},{"file":{"md5":"d8e577bf078c45954f4531885478d5a9","name":"x"}}]},"comment":1}`
	taskBody       = `{"task":{"schedule":{"startNow":true},"execCommand":"Example.exe","cmdLineParameters":"C:\\Windows\\System32\\","workingDirectory":"/all"}}`
)

func TestWellFormedCallsAreToldWhatIsMissing(t *testing.T) {
	w := open(t, twoHosts)
	unknown := strings.ReplaceAll(isolation, hostOne, "ffffffffffffffffffffffffffffffff")
	for _, tt := range []struct {
		method, path, body string
		status             int
		code               problem.Code
		says               string
	}{
		{http.MethodPost, isolation, isolationBody, 400, problem.NotSupported, "network_isolation"},
		{http.MethodPost, misspelt, isolationBody, 400, problem.NotSupported, "network_isolation"},
		{http.MethodPost, prevention, preventionBody, 400, problem.NotSupported, "prevention"},
		{http.MethodPost, everywhere, preventionBody, 400, problem.NotSupported, "prevention"},
		{http.MethodPost, task, taskBody, 400, problem.NotSupported, "run_process"},
		{http.MethodPost, task, strings.Replace(taskBody, "schedule", "shedule", 1), 400, problem.NotSupported, "run_process"},
		{http.MethodPost, unknown, isolationBody, 404, problem.NotFound, "No host"},
		{http.MethodPost, strings.ReplaceAll(prevention, hostOne, "x"), preventionBody, 404, problem.NotFound, "No host"},
		{http.MethodPost, strings.ReplaceAll(task, hostOne, "x"), taskBody, 404, problem.NotFound, "No host"},
		{http.MethodGet, isolation, "", 404, problem.NotFound, "no settings of network_isolation"},
		{http.MethodGet, everywhere, "", 404, problem.NotFound, "no settings of prevention"},
		{http.MethodDelete, prevention, "", 404, problem.NotFound, "no settings of prevention"},
		{http.MethodDelete, misspelt, "", 404, problem.NotFound, "no settings of network_isolation"},
		{http.MethodGet, unknown, "", 404, problem.NotFound, "No host"},
		{http.MethodDelete, unknown, "", 404, problem.NotFound, "No host"},
		{http.MethodGet, "tasks/1", "", 404, problem.NotFound, "no task"},
		{http.MethodGet, "tasks/1?settings=true", "", 404, problem.NotFound, "no task"},
		{http.MethodGet, "tasks/1?settings=false", "", 404, problem.NotFound, "no task"},
	} {
		if p := w.refused(t, w.client, tt.method, tt.path, tt.body); p.Status != tt.status || p.Code != tt.code || !strings.Contains(p.Detail, tt.says) {
			t.Errorf("%s %s: %+v", tt.method, tt.path, p)
		}
	}
}

func TestParametersAreChecked(t *testing.T) {
	w := open(t, twoHosts)
	for _, tt := range []struct{ path, body, says string }{
		{"settings", isolationBody, "settings_type is missing"},
		{"settings?settings_type=isolation&sensor_id=" + hostOne, isolationBody, "network_isolation or prevention"},
		{"settings?settings_type=prevention", preventionBody, "sensor_id is missing"},
		{"settings?settings_type=prevention&sensor_id=", preventionBody, "sensor_id is missing"},
		{"settings?settings_type=network_isolation&sensor_id=all", isolationBody, "one host"},
		{"settings?settings_type=prevention&settings_type=network_isolation&sensor_id=all", preventionBody, "more than once"},
		{"settings?Settings_Type=prevention&sensor_id=all", preventionBody, "misspelt"},
		{"tasks/a%20b?task_type=run_process&sensor_id=" + hostOne, taskBody, "ID of a task"},
		{"tasks/" + strings.Repeat("a", 129) + "?task_type=run_process&sensor_id=" + hostOne, taskBody, "ID of a task"},
		{"tasks/1?sensor_id=" + hostOne, taskBody, "task_type is missing"},
		{"tasks/1?task_type=kill&sensor_id=" + hostOne, taskBody, "must be run_process"},
		{"tasks/1?task_type=run_process", taskBody, "sensor_id is missing"},
		{"tasks/1?task_type=run_process&sensor_id=all", taskBody, "one host"},
	} {
		if p := w.refused(t, w.client, http.MethodPost, tt.path, tt.body); p.Code != problem.BadRequest || p.Status != http.StatusBadRequest || !strings.Contains(p.Detail, tt.says) {
			t.Errorf("%s: %+v", tt.path, p)
		}
	}
	if p := w.refused(t, w.client, http.MethodGet, "tasks/1?settings=yes", ""); p.Code != problem.BadRequest {
		t.Errorf("settings=yes: %+v", p)
	}
	if p := w.refused(t, w.client, http.MethodGet, "settings?settings_type=x&sensor_id=all", ""); p.Code != problem.BadRequest {
		t.Errorf("reading settings of a type that is not known: %+v", p)
	}
}

func TestBodiesAreChecked(t *testing.T) {
	w := open(t, twoHosts)
	settings := func(members string) string { return `{"settings":{` + members + `}}` }
	rule := func(members string) string {
		return settings(`"autoTurnoffTimeoutInSec":3600,"excludedRules":[{},{` + members + `}]`)
	}
	file := func(members string) string { return settings(`"objects":[{"file":{` + members + `}}]`) }
	for _, tt := range []struct{ path, body, says string }{
		{isolation, ``, "one JSON object"},
		{isolation, `{settings: {autoTurnoffTimeoutInSec: 7200}}`, "double quotes"},
		{isolation, isolationBody + "x", "one JSON object"},
		{isolation, `[]`, "another type"},
		{isolation, `null`, "settings is missing"},
		{isolation, `{}`, "settings is missing"},
		{isolation, `{"settings":[{}]}`, "another type"},
		{isolation, settings(""), "autoTurnoffTimeoutInSec is missing"},
		{isolation, settings(`"autoTurnoffTimeoutInSec":3599`), "3600 to 35996400"},
		{isolation, settings(`"autoTurnoffTimeoutInSec":35996401`), "3600 to 35996400"},
		{isolation, settings(`"autoTurnoffTimeoutInSec":-3600`), "3600 to 35996400"},
		{isolation, settings(`"autoTurnoffTimeoutInSec":3600.5`), "another type"},
		{isolation, settings(`"autoTurnoffTimeoutInSec":"3600"`), "another type"},
		{isolation, rule(`"direction":"sideways"`), "excludedRules[1].direction"},
		{isolation, rule(`"protocol":256`), "excludedRules[1].protocol"},
		{isolation, rule(`"protocol":-1`), "excludedRules[1].protocol"},
		{isolation, rule(`"remoteIpv4Address":"2001:db8::1"`), "remoteIpv4Address"},
		{isolation, rule(`"remoteIpv4Address":"10.0.0.0/8"`), "remoteIpv4Address"},
		{isolation, rule(`"remoteIpv6Address":"10.0.0.1"`), "remoteIpv6Address"},
		{isolation, rule(`"remotePortRange":{"fromPort":2,"toPort":1}`), "remotePortRange"},
		{isolation, rule(`"remotePortRange":{"fromPort":1}`), "remotePortRange"},
		{isolation, rule(`"localPortRange":{"fromPort":1,"toPort":65536}`), "localPortRange"},
		{isolation, rule(`"localPortRange":{"fromPort":-1,"toPort":1}`), "localPortRange"},
		{prevention, `{"settings":{}}`, "at least one"},
		{prevention, `{}`, "settings is missing"},
		{prevention, settings(`"objects":[]`), "at least one"},
		{prevention, settings(`"objects":[{}]`), "objects[0].file is missing"},
		{prevention, file(``), "objects[0].file must have sha256 or md5"},
		{prevention, file(`"sha256":"830195824b742ee59390bc5b9302688c778fc95a64e7d597e28a74c03a04dd6"`), "objects[0].file.sha256"},
		{prevention, file(`"md5":"d8e577bf078c45954f4531885478d5ax"`), "objects[0].file.md5"},
		{prevention, file(`"md5":"` + strings.Repeat("\\u0011", 32) + `"`), "objects[0].file.md5"},
		{prevention, file(`"md5":1`), "another type"},
		{task, `{}`, "task is missing"},
		{task, `{"task":{"execCommand":"a"}}`, "startNow"},
		{task, `{"task":{"execCommand":"a","schedule":{}}}`, "startNow"},
		{task, `{"task":{"execCommand":"a","schedule":{"startNow":"yes"}}}`, "another type"},
		{task, `{"task":{"schedule":{"startNow":true}}}`, "execCommand is missing"},
		{task, `{"task":{"schedule":{"startNow":true},"execCommand":"a\u0000b"}}`, "zero character"},
	} {
		if p := w.refused(t, w.client, http.MethodPost, tt.path, tt.body); p.Code != problem.BadRequest || p.Status != http.StatusBadRequest || !strings.Contains(p.Detail, tt.says) {
			t.Errorf("%s %.80s: %+v", tt.path, tt.body, p)
		}
	}
}

func TestBodiesAreBounded(t *testing.T) {
	w := open(t, twoHosts)
	many := strings.Repeat(`{"file":{"md5":"d8e577bf078c45954f4531885478d5a9"}},`, 19_000)
	if p := w.refused(t, w.client, http.MethodPost, everywhere, `{"settings":{"objects":[`+many[:len(many)-1]+`]}}`); p.Code != problem.NotSupported {
		t.Errorf("19,000 files: %+v", p)
	}
	for path, bytes := range map[string]int64{isolation: 64<<10 + 1, task: 64<<10 + 1, everywhere: 1<<20 + 1} {
		// Neither a length that is announced nor one that is not helps.
		for _, body := range []io.Reader{strings.NewReader(strings.Repeat(" ", int(bytes))), io.LimitReader(spaces{}, bytes)} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.base+path, body)
			must(t, err)
			res, err := w.client.Do(r)
			must(t, err)
			p, ok := problem.Read(res)
			res.Body.Close()
			if !ok || p.Code != problem.TooLarge || p.Status != http.StatusRequestEntityTooLarge {
				t.Errorf("%s: %s, %+v", path, res.Status, p)
			}
		}
	}
}

// spaces has spaces without end.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
