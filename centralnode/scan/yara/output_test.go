package yara

import (
	"slices"
	"strings"
	"testing"

	"vedette/centralnode/scan/engine"
)

func TestOutputIsReadStrictly(t *testing.T) {
	const mark = "v0123456789abcdef"
	end := mark + "_last:looked_at_all [] " + objectPath + "\n"
	good := engine.Detection{Name: "A", Importance: engine.Low}
	for name, c := range map[string]struct {
		said  string
		found []engine.Detection
		whole bool
		bad   bool
	}{
		"nothing":         {"", nil, false, false},
		"clean":           {end, nil, true, false},
		"not marked":      {"v0123456789abcdee_0:A [] " + objectPath + "\n" + end, nil, true, false},
		"found":           {mark + `_0:A [importance="low"] ` + objectPath + "\n" + end, []engine.Detection{good}, true, false},
		"end is cut":      {mark + `_0:A [importance="low"] ` + objectPath + "\n" + end[:len(end)-1], []engine.Detection{good}, false, false},
		"line is cut":     {mark + `_0:A [importance="low"] ` + objectPath, nil, false, false},
		"escapes":         {mark + `_0:A [x="\"] \\",importance="low",y =-5,z=true] ` + objectPath + "\n", []engine.Detection{good}, false, false},
		"rule named so":   {mark + "_0:looked_at_all [] " + objectPath + "\n", []engine.Detection{{Name: "looked_at_all", Importance: engine.High}}, false, false},
		"no meta":         {mark + "_0:A " + objectPath + "\n", nil, false, true},
		"other file":      {mark + "_0:A [] /etc/passwd\n", nil, false, true},
		"no rule":         {mark + "_0: [] " + objectPath + "\n", nil, false, true},
		"no space":        {mark + "_0\n", nil, false, true},
		"open meta":       {mark + `_0:A [x="y ` + objectPath + "\n", nil, false, true},
		"commas":          {mark + `_0:A [x="y",,] ` + objectPath + "\n", nil, false, true},
		"glued":           {mark + `_0:A [x="y"z="w"] ` + objectPath + "\n", nil, false, true},
		"no value":        {mark + `_0:A [x=] ` + objectPath + "\n", nil, false, true},
		"key with blanks": {mark + `_0:A [x y=true] ` + objectPath + "\n", nil, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := parseOutput([]byte(c.said), mark)
			if !slices.Equal(o.detections, c.found) || o.whole != c.whole || err != nil != c.bad {
				t.Errorf("got %+v and %v, want %+v", o, err, c)
			}
		})
	}
}

func FuzzOutput(f *testing.F) {
	const mark = "v0123456789abcdef"
	f.Add("number of rules : 3\n" + mark + `_0:A [x="\"",importance="low",y =-5,z=true] ` + objectPath + "\n" + mark + "_last:looked_at_all [] " + objectPath + "\n")
	f.Fuzz(func(t *testing.T, said string) {
		o, err := parseOutput([]byte(said), mark)
		if len(o.detections) > maxDetections || o.whole && o.stopped {
			t.Errorf("%+v", o)
		}
		for _, d := range o.detections {
			if !identifier(d.Name) || rank(d.Importance) == 0 && d.Importance != engine.Low {
				t.Errorf("%+v", d)
			}
		}
		if (o.whole || len(o.detections) > 0 || err != nil) && !strings.Contains(said, mark) {
			t.Errorf("%+v, %v without the mark", o, err)
		}
	})
}
