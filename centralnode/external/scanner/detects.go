package scanner

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"vedette/centralnode/alerts"
	"vedette/centralnode/external"
	"vedette/proto/problem"
)

// Bounds of a request for alerts, as documented.
const (
	maxDetects     = 10_000
	defaultDetects = 1000
	// detectsPage is how many alerts are in memory at a time.
	detectsPage = 256
)

// stamp is the form of the times in alerts: RFC 3339 with milliseconds, in UTC.
// The documentation says "date and time" and no more.
type stamp time.Time

func (s stamp) MarshalText() ([]byte, error) {
	return time.Time(s).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z07:00"), nil
}

// detect is an alert as documented.
type detect struct {
	AlertID         int64     `json:"alertID"`
	EventTimeStamp  stamp     `json:"eventTimeStamp"`
	DetectTimestamp stamp     `json:"detectTimestamp"`
	Importance      string    `json:"importance"`
	ObjectSource    string    `json:"objectSource"`
	Technology      string    `json:"technology"`
	ObjectType      string    `json:"objectType"`
	Object          object    `json:"object"`
	Detection       detection `json:"detection"`
	Details         details   `json:"details"`
}

type object struct {
	Processed processedObject `json:"processedObject"`
	Detected  detectedObject  `json:"detectedObject"`
}

type processedObject struct {
	MD5      string `json:"MD5"`
	SHA256   string `json:"SHA256"`
	FileName string `json:"fileName"`
	FileType string `json:"fileType"`
	FileSize int64  `json:"fileSize"`
}

type detectedObject struct {
	MD5      string `json:"MD5"`
	FileName string `json:"fileName"`
	FileSize int64  `json:"fileSize"`
}

type detection struct {
	Detect          []string `json:"detect"`
	DataBaseVersion int64    `json:"dataBaseVersion"`
}

// details say who submitted the object. For files of external systems the
// documentation has none.
type details struct {
	SensorID         string `json:"sensorId"`
	SensorInstanceID string `json:"sensorInstanceId,omitempty"`
	ScanID           string `json:"scanId,omitempty"`
}

func detectOf(a alerts.Alert) detect {
	found := a.Detections
	if found == nil {
		found = []string{}
	}
	return detect{
		AlertID: a.ID, EventTimeStamp: stamp(a.Submitted), DetectTimestamp: stamp(a.Created),
		Importance: a.Importance, ObjectSource: a.Source, Technology: a.Technology, ObjectType: "file",
		Object: object{
			Processed: processedObject{MD5: a.MD5, SHA256: a.SHA256, FileName: a.ObjectName, FileType: a.ObjectType, FileSize: a.ObjectSize},
			// Engines tell what they found about the whole object.
			Detected: detectedObject{MD5: a.MD5, FileName: a.ObjectName, FileSize: a.ObjectSize},
		},
		Detection: detection{Detect: found, DataBaseVersion: a.DataBaseVersion},
		Details:   details{SensorID: a.System, SensorInstanceID: a.Instance, ScanID: a.ScanID},
	}
}

// detects answers GET detects.
func (a *API) detects(w http.ResponseWriter, r *http.Request, call *external.Call) {
	technologies, limit, after, p := detectsAsked(r)
	if p != nil {
		call.Fail(w, p)
		return
	}
	leave, free := a.lists.take(call.System.ID)
	if !free {
		call.Fail(w, busyReading())
		return
	}
	defer leave()
	page, err := a.c.Alerts.After(r.Context(), after, technologies, min(limit, detectsPage))
	if err != nil {
		if r.Context().Err() != nil {
			panic(http.ErrAbortHandler) // nobody waits any more
		}
		call.Fail(w, a.refusal(err))
		return
	}
	d := newDocument(w)
	d.text(`{"detects":[`)
	for told := 0; len(page) > 0; {
		told += elements(d, told, page, detectOf)
		after = page[len(page)-1].ID
		if page, err = a.c.Alerts.After(r.Context(), after, technologies, min(limit-told, detectsPage)); err != nil {
			// Half a list must not look like a whole one.
			a.c.Logger.Warn("a list of alerts could not be read to its end", "system", call.System.Key(), "error", err)
			panic(http.ErrAbortHandler)
		}
	}
	d.text(`],"token":"` + tokenOf(after) + "\"}\n")
	d.end()
}

// detectsAsked reads what is asked for.
func detectsAsked(r *http.Request) (technologies []string, limit int, after int64, p *problem.Problem) {
	q, p := queryOf(r.URL)
	if p != nil {
		return nil, 0, 0, p
	}
	if technologies, p = q.list("detect_type"); p != nil {
		return nil, 0, 0, p
	}
	for _, t := range technologies {
		switch t {
		case "am", "sb", "yara", "url_reputation", "ids", "taa":
		default:
			return nil, 0, 0, badRequest("The technologies of detect_type are: am, sb, yara, url_reputation, ids, taa.")
		}
	}
	text, p := q.one("limit")
	if p != nil {
		return nil, 0, 0, p
	}
	limit = defaultDetects
	if text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxDetects {
			return nil, 0, 0, badRequest("limit is a number from 1 to 10000.")
		}
	}
	if text, p = q.one("token"); p != nil {
		return nil, 0, 0, p
	}
	after, known := parseToken(text)
	if !known {
		return nil, 0, 0, badRequest("token is not one that an answer had. Leave it out to begin with the first alert.")
	}
	return technologies, limit, after, nil
}

// token is where to go on: behind the alert of this number. It travels as the
// hexadecimal digits of its JSON, which is what the documented sample is.
type token struct {
	Offset int64 `json:"offset"`
}

// maxToken bounds a token in characters.
const maxToken = 256

func tokenOf(after int64) string {
	raw, err := json.Marshal(token{after})
	if err != nil { // our own plain struct always marshals
		panic(err)
	}
	return hex.EncodeToString(raw)
}

func parseToken(text string) (after int64, ok bool) {
	if text == "" {
		return 0, true
	}
	if len(text) > maxToken {
		return 0, false
	}
	raw, err := hex.DecodeString(text)
	if err != nil {
		return 0, false
	}
	var t *token
	if err := json.Unmarshal(raw, &t); err != nil || t == nil || t.Offset < 0 {
		return 0, false
	}
	return t.Offset, true
}
