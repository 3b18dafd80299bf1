package report

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Choice is what somebody chose to have measured, by the flags that all programs
// with measures and subjects have.
type Choice struct {
	Bin, Out           string // folders of the binaries, as an absolute path, and for the results
	Rounds             int    // how often each subject has its turn, at most
	Measures, Subjects []string
}

// Choose parses args with the flags that are defined already and those of a
// Choice among measures and subjects. Without flags everything is chosen.
func Choose(flags *flag.FlagSet, args, measures, subjects []string) (c Choice, err error) {
	flags.StringVar(&c.Bin, "bin", "bin", "folder of the binaries")
	flags.StringVar(&c.Out, "out", "bench", "folder for the results")
	flags.IntVar(&c.Rounds, "rounds", 3, "how often each subject has its turn, at most")
	only := flags.String("only", strings.Join(measures, ","), "comma-separated measures")
	among := flags.String("subjects", strings.Join(subjects, ","), "comma-separated subjects")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if c.Measures, err = Pick("measure", *only, measures); err != nil {
		return c, err
	}
	if c.Subjects, err = Pick("subject", *among, subjects); err != nil {
		return c, err
	}
	if c.Rounds < 1 {
		return c, fmt.Errorf("%d rounds measure nothing", c.Rounds)
	}
	c.Bin, err = filepath.Abs(c.Bin)
	return c, err
}

// Pick reads a comma-separated list of a kind of names, and refuses one that is
// not among those there are.
func Pick(kind, list string, of []string) ([]string, error) {
	names := strings.Split(list, ",")
	for _, name := range names {
		if !slices.Contains(of, name) {
			return nil, fmt.Errorf("there is no %s %s; there are %s", kind, name, strings.Join(of, ", "))
		}
	}
	return names, nil
}

// Perform performs the chosen measures one after the other, writes NAME.md and
// NAME.json after each, since what is measured is worth having whatever happens
// next, and prints all of it at the end.
func (c Choice) Perform(name string, conditions []string, perform func(measure string, into *Report) error) error {
	r := Report{Date: time.Now().UTC().Format(time.RFC3339), Conditions: conditions}
	for _, measure := range c.Measures {
		if err := perform(measure, &r); err != nil {
			return err
		}
		if err := r.Write(c.Out, name); err != nil {
			return err
		}
	}
	fmt.Print("\n", r.Markdown())
	return nil
}
