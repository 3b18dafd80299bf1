package centralnode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"vedette/centralnode/alerts"
	"vedette/centralnode/scan"
	"vedette/centralnode/scan/builtin"
	"vedette/centralnode/scan/clamd"
	"vedette/centralnode/scan/engine"
	"vedette/centralnode/scan/yara"
	"vedette/internal/foreign"
)

// Scan says how objects of external systems are kept, and what looks at them.
// Zero fields take the defaults.
type Scan struct {
	Limits  scan.Limits
	Builtin Builtin
	Clamd   Clamd
	YARA    YARA
}

// Builtin is the engine that is part of the daemon.
type Builtin struct {
	Hashes, Rules []string // files
}

// Clamd is a ClamAV daemon that somebody else runs.
type Clamd struct {
	Address     string // empty: not used
	MaxFileSize int64  // bytes
	Timeout     time.Duration
}

// YARA is the yara program, a child for each object.
type YARA struct {
	Rules             []string // files and folders; none: not used
	Program, Compiler string
	Timeout           time.Duration
	MaxMemory         int64 // bytes
}

// openScan makes the engines, the room that feeds them, and the place of what
// they find. An engine that cannot work now degrades scanning and not the node;
// one that never can is an error.
func (n *Node) openScan(ctx context.Context) error {
	c := n.config
	log := c.Logger.With("room", "scan")
	var err error
	if n.alerts, err = alerts.Open(ctx, alerts.Config{Store: n.base.State, Logger: c.Logger.With("room", "alerts"), Now: c.Now}); err != nil {
		return err
	}
	engines, err := n.openEngines(log)
	if err != nil {
		return err
	}
	if err := n.warnOfTestFileOnly(ctx, log); err != nil {
		return err
	}
	n.scan, err = scan.Open(ctx, scan.Config{
		Dir: filepath.Join(c.StateDir, "scan"), Engines: engines, Alerts: found{n.alerts}, First: n.external.MailSensor,
		Limits: c.Scan.Limits, Logger: log, Now: c.Now,
	})
	if err != nil {
		return err
	}
	n.opened.Add(n.scan.Close)
	first, _, err := n.entities.ScanPriority(ctx)
	if err != nil {
		return fmt.Errorf("read the switch Maximum scan priority: %w", err)
	}
	n.scan.SetPriority(first)
	return nil
}

// warnOfTestFileOnly says in the log that scanning is as it is installed, once
// somebody has asked to have objects scanned.
func (n *Node) warnOfTestFileOnly(ctx context.Context, log *slog.Logger) error {
	c := n.config.Scan
	if c.Clamd.Address != "" || len(c.YARA.Rules)+len(c.Builtin.Hashes)+len(c.Builtin.Rules) > 0 {
		return nil
	}
	systems, _, err := n.entities.ExternalSystems(ctx)
	if err != nil {
		return fmt.Errorf("read the external systems: %w", err)
	}
	if len(systems) > 0 {
		log.Warn("only the EICAR test file is found in objects: configure [scan.clamd], [scan.yara] or lists of [scan.builtin]", "external_systems", len(systems))
	}
	return nil
}

func (n *Node) openEngines(log *slog.Logger) (engines []engine.Engine, err error) {
	c := n.config.Scan
	add := func(e engine.Engine, err error) error {
		if err != nil {
			return err
		}
		engines = append(engines, e)
		n.opened.Add(e.Close)
		return nil
	}
	own, err := builtin.New(builtin.Config{Hashes: c.Builtin.Hashes, Rules: c.Builtin.Rules, Logger: log.With("engine", "builtin"), Now: n.config.Now})
	errs := []error{add(own, err)}
	if c.Clamd.Address != "" {
		av, err := clamd.New(clamd.Config{
			Address: c.Clamd.Address, MaxFileSize: c.Clamd.MaxFileSize, Timeout: c.Clamd.Timeout,
			Logger: log.With("engine", "clamd"), Now: n.config.Now,
		})
		errs = append(errs, add(av, err))
	}
	if len(c.YARA.Rules) > 0 {
		rules, err := yara.New(yara.Config{
			Program: c.YARA.Program, Compiler: c.YARA.Compiler, Rules: c.YARA.Rules, Dir: filepath.Join(n.config.StateDir, "yara"),
			Timeout: c.YARA.Timeout, MaxMemory: c.YARA.MaxMemory, Logger: log.With("engine", "yara"), Now: n.config.Now,
		})
		errs = append(errs, add(rules, err))
	}
	return engines, errors.Join(errs...)
}

// found makes alerts of what engines found.
type found struct{ alerts *alerts.Room }

// Detected implements scan.Alerts.
func (f found) Detected(ctx context.Context, v scan.Finding) error {
	a := alerts.Alert{
		Origin: v.Origin, Importance: string(mostImportant(v.Result.Detections)), Technology: string(v.Technology), Source: "external",
		Submitted: v.Submitted, ObjectName: v.Name, ObjectType: v.Type, ObjectSize: v.Size, MD5: v.MD5, SHA256: v.SHA256,
		Engine: v.Engine, RuleSet: v.Result.RuleSet, DataBaseVersion: v.Result.DataBaseVersion,
		System: v.Key.System, SystemName: v.SystemName, Fingerprint: v.Leaf, Instance: v.Key.Instance, ScanID: v.Key.ScanID, Remote: v.Remote,
	}
	if v.Mail {
		a.Source = "mail"
	}
	for _, d := range v.Result.Detections {
		a.Detections = append(a.Detections, foreign.Line(d.Name))
	}
	_, err := f.alerts.Add(ctx, a)
	return err
}

func mostImportant(found []engine.Detection) engine.Importance {
	most := engine.Low
	for _, d := range found {
		switch {
		case d.Importance == engine.High:
			return engine.High
		case d.Importance == engine.Medium:
			most = engine.Medium
		}
	}
	return most
}
