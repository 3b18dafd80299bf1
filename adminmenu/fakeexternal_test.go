package adminmenu

import (
	"context"
	"fmt"
	"slices"
	"time"

	"vedette/internal/acts"
)

func (f fakeCentral) ExternalSystems(ctx context.Context, _ acts.Actor) (acts.ExternalSystemList, error) {
	if err := f.begin(ctx, "ExternalSystems"); err != nil {
		return acts.ExternalSystemList{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return acts.ExternalSystemList{Systems: slices.Clone(f.systems), ServerCertificate: f.certificate.Fingerprint, MaximumScanPriority: f.priority, Revision: f.revision}, nil
}

// systemCounts counts the external systems; with the lock held.
func (f *fake) systemCounts() (c acts.SystemCounts) {
	for _, v := range f.systems {
		switch v.State {
		case acts.Pending:
			c.Pending++
		case acts.Accepted:
			c.Accepted++
		case acts.Rejected:
			c.Rejected++
		}
	}
	return c
}

// systemToDecide finds what an act is about; with the lock held.
func (f *fake) systemToDecide(act string, in acts.DecideExternalSystem) (int, error) {
	i := slices.IndexFunc(f.systems, func(v acts.ExternalSystem) bool {
		return in.Which == v.ID+"/"+v.Fingerprint.String() && v.Fingerprint == in.Fingerprint
	})
	if i < 0 {
		return 0, notFound("the external system " + in.Which)
	}
	if v := f.systems[i]; act == "external-system accept" && v.State == acts.Accepted && (in.Type == "" || in.Type == v.Type) || act == "external-system reject" && v.State == acts.Rejected {
		return 0, &acts.Error{Code: acts.Refused, Text: fmt.Sprintf("the external system %s is %s already: nothing was done", v.ID, v.State), Hint: "the list shows what was decided, when and by whom"}
	}
	return i, nil
}

func (f fakeCentral) previewSystem(ctx context.Context, method, act string, in acts.DecideExternalSystem) (acts.Preview, error) {
	if err := f.begin(ctx, method); err != nil {
		return acts.Preview{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.systemToDecide(act, in)
	if err != nil {
		return acts.Preview{}, err
	}
	v := f.systems[i]
	p := acts.Preview{Act: act, Revision: f.revision, Asks: true, Lines: []string{
		"External system: " + v.ID + ", which calls from " + v.Sensor + ".", "Name: " + v.Name + ". Its certificate is for " + v.Subject + ".",
		"Certificate fingerprint: " + v.Fingerprint.String(), "State: " + string(v.State) + ". Type: " + string(v.Type) + ", as it said itself when it asked.",
	}}
	if act == "external-system accept" {
		p.Fingerprint = v.Fingerprint
		p.Lines = append(p.Lines, "It will be treated as: "+string(in.Type)+".")
		for _, other := range v.Others {
			p.Lines = append(p.Lines, "This ID is accepted already with another certificate, "+other.String()+", which stays accepted until you delete it.")
		}
		p.Lines = append(p.Lines, "Compare the fingerprint with the certificate that the external system uses. Accept it only if they are equal.")
		return p, nil
	}
	p.Lines = append(p.Lines, "It is forgotten. If it calls again it makes a new request; to keep it away, reject it.")
	p.Consequences = []acts.Consequence{{Text: "Connections of this external system that are cut at once, uploads and all.", InUse: true, Count: v.Connections}}
	return p, nil
}

func (f fakeCentral) decideSystem(ctx context.Context, who acts.Actor, method, act string, in acts.DecideExternalSystem, state acts.RequestState) (acts.ExternalSystemDecision, error) {
	if err := f.begin(ctx, method); err != nil {
		return acts.ExternalSystemDecision{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := seen(in.Revision, f.revision, "the list of external systems"); err != nil {
		return acts.ExternalSystemDecision{}, err
	}
	i, err := f.systemToDecide(act, in)
	if err != nil {
		return acts.ExternalSystemDecision{}, err
	}
	v, cut := f.systems[i], 0
	if state == acts.Accepted {
		v.Type, v.NextStep = in.Type, "No call has come since that was decided: have its administrator check the connection from there (GET /kata/scanner/v1/sensors/"+v.ID+"/connection)."
	} else {
		cut, v.Connections = v.Connections, 0
	}
	f.record(who, act, v.ID, v.Fingerprint.String())
	v.State, v.Decided, v.DecidedBy = state, time.Now(), who.Account
	if f.systems[i] = v; state == "" {
		f.systems = slices.Delete(f.systems, i, i+1)
	}
	return acts.ExternalSystemDecision{System: v, Revision: f.revision, Cut: cut, Took: 3 * time.Millisecond}, nil
}

func (f fakeCentral) PreviewAcceptExternalSystem(ctx context.Context, _ acts.Actor, in acts.DecideExternalSystem) (acts.Preview, error) {
	return f.previewSystem(ctx, "PreviewAcceptExternalSystem", "external-system accept", in)
}

func (f fakeCentral) AcceptExternalSystem(ctx context.Context, who acts.Actor, in acts.DecideExternalSystem) (acts.ExternalSystemDecision, error) {
	return f.decideSystem(ctx, who, "AcceptExternalSystem", "external-system accept", in, acts.Accepted)
}

func (f fakeCentral) PreviewRejectExternalSystem(ctx context.Context, _ acts.Actor, in acts.DecideExternalSystem) (acts.Preview, error) {
	return f.previewSystem(ctx, "PreviewRejectExternalSystem", "external-system reject", in)
}

func (f fakeCentral) RejectExternalSystem(ctx context.Context, who acts.Actor, in acts.DecideExternalSystem) (acts.ExternalSystemDecision, error) {
	return f.decideSystem(ctx, who, "RejectExternalSystem", "external-system reject", in, acts.Rejected)
}

func (f fakeCentral) PreviewDeleteExternalSystem(ctx context.Context, _ acts.Actor, in acts.DecideExternalSystem) (acts.Preview, error) {
	return f.previewSystem(ctx, "PreviewDeleteExternalSystem", "external-system delete", in)
}

func (f fakeCentral) DeleteExternalSystem(ctx context.Context, who acts.Actor, in acts.DecideExternalSystem) (acts.ExternalSystemDecision, error) {
	return f.decideSystem(ctx, who, "DeleteExternalSystem", "external-system delete", in, "")
}

func (f fakeCentral) PreviewSetScanPriority(ctx context.Context, _ acts.Actor, in acts.SetScanPriority) (acts.Preview, error) {
	if err := f.begin(ctx, "PreviewSetScanPriority"); err != nil {
		return acts.Preview{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p := acts.Preview{Act: "external-system priority", Revision: f.revision, Lines: []string{"Mail sensors (1 accepted) and other systems (0 accepted) will take turns."}}
	switch {
	case in.On == f.priority:
		p.Lines = []string{priorityName + " is " + onOff(in.On) + " already."}
	case in.On:
		p.Lines = []string{"Objects of mail sensors (1 accepted) will be scanned before all others.", "Other systems (0 accepted) wait for their verdicts as long as mail keeps all workers busy."}
	}
	return p, nil
}

func (f fakeCentral) SetScanPriority(ctx context.Context, who acts.Actor, in acts.SetScanPriority) (acts.ScanPriority, error) {
	if err := f.begin(ctx, "SetScanPriority"); err != nil {
		return acts.ScanPriority{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := seen(in.Revision, f.revision, "the switch"); err != nil {
		return acts.ScanPriority{}, err
	}
	f.priority = in.On
	f.record(who, "external-system priority")
	return acts.ScanPriority{On: in.On, Revision: f.revision}, nil
}

// integrated gives a Central Node some external systems: an accepted mail
// sensor, a request, a request of the mail sensor's ID with another
// certificate, and one that was rejected.
func (f *fake) integrated() {
	f.change(func(f *fake) {
		now := time.Now()
		for i, id := range []string{"mail-gateway-1", "file-store", "mail-gateway-1", "someone"} {
			v := acts.ExternalSystem{
				ID: id, Fingerprint: fingerprint(fmt.Sprint("external ", i)), Sensor: "192.0.2." + fmt.Sprint(20+i), Type: acts.MailSensor, Name: "gate-1.example",
				Subject: "CN=gate-1.example", NotAfter: now.Add(3650 * 24 * time.Hour), State: acts.Pending, Requested: now.Add(-time.Hour),
				LastCall: now.Add(-90 * time.Second), Calls: 3,
			}
			v.Addresses = []string{v.Sensor}
			v.NextStep = "Compare the fingerprint with the certificate that the external system uses, then accept or reject the request."
			f.systems = append(f.systems, v)
		}
		mail, files, other := &f.systems[0], &f.systems[1], &f.systems[2]
		mail.State, mail.Decided, mail.DecidedBy = acts.Accepted, now.Add(-30*time.Minute), "anna"
		mail.Addresses = []string{"192.0.2.20", "2001:db8::20"}
		mail.Calls, mail.Submitted, mail.Refused, mail.Connections, mail.Waiting, mail.LastCall = 12345, 6000, 2, 4, 7, now.Add(-2*time.Second)
		mail.LastError, mail.LastErrorAt = "object_too_large: The object is larger than 100 MiB.", now.Add(-10*time.Minute)
		mail.NextStep = "The connection works: there is nothing to do."
		mail.Others = append(mail.Others, other.Fingerprint)
		files.Type, files.Name, files.Subject = acts.OtherSystem, "Archive of the town hall", "CN=files"
		other.NextStep = "This ID is accepted with another certificate: ask the administrator of the external system whether he has replaced it. If he has, compare the fingerprint and accept this one, then delete the other; if he has not, reject this one."
		other.Changed, other.Others, other.LastError, other.LastErrorAt = true, append(other.Others, mail.Fingerprint), "certificate_changed: This ID is known with another certificate.", now.Add(-90*time.Second)
		f.systems[3].NextStep = "It is refused. Accept it to let it in; delete it to let it ask anew."
		f.systems[3].State, f.systems[3].Type, f.systems[3].Sensor, f.systems[3].Name = acts.Rejected, acts.OtherSystem, "2001:db8::23", ""
	})
}
