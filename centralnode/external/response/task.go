package response

import (
	"net/http"
	"strings"

	"vedette/proto/problem"
)

// maxTaskID bounds the ID that a caller gives a task, in bytes.
const maxTaskID = 128

// checkTask checks the ID of a task. Documents show UUIDs; any safe text will do.
func checkTask(r *http.Request) *problem.Problem {
	id := r.PathValue("task")
	safe := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._:@~+=-", c)
	}
	if id == "" || len(id) > maxTaskID || strings.ContainsFunc(id, func(c rune) bool { return !safe(c) }) {
		return badRequest("The ID of a task has 1 to 128 characters of A-Z, a-z, 0-9 and . _ : @ ~ + = -.")
	}
	return nil
}

// startTask checks a task that no agent can do yet.
func (a *API) startTask(_ http.ResponseWriter, r *http.Request, q query) *problem.Problem {
	if bad := checkTask(r); bad != nil {
		return bad
	}
	kind, bad := q.required("task_type")
	if bad == nil && kind != string(runProcess) {
		bad = badRequest("task_type must be run_process.")
	}
	if bad != nil {
		return bad
	}
	id, bad := q.required("sensor_id")
	if bad == nil && id == allHosts {
		bad = badRequest("A task is for one host: sensor_id may be all for prevention only.")
	}
	if bad == nil {
		bad = checkBody[taskBody](r.Body, maxBody)
	}
	if bad == nil {
		bad = a.known(r.Context(), id)
	}
	if bad == nil {
		bad = notSupported(runProcess)
	}
	return bad
}

// readTask reads a task, of which there are none.
func (a *API) readTask(_ http.ResponseWriter, r *http.Request, q query) *problem.Problem {
	if bad := checkTask(r); bad != nil {
		return bad
	}
	switch with, bad := q.one("settings"); {
	case bad != nil:
		return bad
	case with != "" && with != "true" && with != "false":
		return badRequest("settings must be true or false.")
	}
	return notFound("No such task", "There is no task with this ID.")
}

// taskBody runs a program.
type taskBody struct {
	Task *struct {
		Schedule          *scheduleBody `json:"schedule"`
		Shedule           *scheduleBody `json:"shedule"` // as some documented pages spell it
		ExecCommand       string        `json:"execCommand"`
		CmdLineParameters string        `json:"cmdLineParameters"`
		WorkingDirectory  string        `json:"workingDirectory"`
	} `json:"task"`
}

type scheduleBody struct {
	StartNow *bool `json:"startNow"`
}

func (b taskBody) check() string {
	if b.Task == nil {
		return "task is missing"
	}
	schedule := b.Task.Schedule
	if schedule == nil {
		schedule = b.Task.Shedule
	}
	switch {
	case schedule == nil || schedule.StartNow == nil:
		return "task.schedule.startNow is missing: true or false"
	case b.Task.ExecCommand == "":
		return "task.execCommand is missing"
	}
	for _, text := range []string{b.Task.ExecCommand, b.Task.CmdLineParameters, b.Task.WorkingDirectory} {
		if strings.ContainsRune(text, 0) {
			return "task has a text with a zero character, which no command can have"
		}
	}
	return ""
}
