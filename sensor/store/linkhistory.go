package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"vedette/internal/acts"
	"vedette/internal/entity"
)

const (
	linkHistoryPrefix = "link-history/"
	linkCapacityKey   = "link-capacity"
)

// linkHour is the minutes of one hour in one value: a day has few keys, and
// each minute writes little.
type linkHour struct {
	V       int                  `json:"v"`
	Minutes []acts.QualityMinute `json:"minutes"`
}

// linkCapacity is what tests of the channel found.
type linkCapacity struct {
	V int `json:"v"`
	acts.Capacity
}

// linkHourKey sorts by time, since the numbers of seconds have equal lengths
// for centuries.
func linkHourKey(hour int64) string { return linkHistoryPrefix + strconv.FormatInt(hour, 10) }

// LinkHistory returns the minutes that were kept. Hours that cannot be read are
// left out, and are in the error.
func (s *Store) LinkHistory(ctx context.Context) (minutes []acts.QualityMinute, err error) {
	entries, _, err := s.kv.List(ctx, linkHistoryPrefix)
	if err != nil {
		return nil, fmt.Errorf("read the history of the link: %w", err)
	}
	var faults []error
	for _, e := range entries {
		var hour linkHour
		if err := entity.Decode(e, 1, &hour); err != nil {
			faults = append(faults, err)
			continue
		}
		minutes = append(minutes, hour.Minutes...)
	}
	return minutes, errors.Join(faults...)
}

// SaveLinkHistory keeps the minutes of whole hours, in one change and off the
// watch. The keys are when an hour begins, in Unix seconds; an hour without
// minutes is forgotten.
func (s *Store) SaveLinkHistory(ctx context.Context, hours map[int64][]acts.QualityMinute) error {
	var c Change
	for at, minutes := range hours {
		if len(minutes) == 0 {
			c.Delete(linkHourKey(at))
		} else {
			c.Put(linkHourKey(at), linkHour{V: 1, Minutes: minutes})
		}
	}
	if err := c.ApplyQuietly(ctx, s.kv); err != nil {
		return fmt.Errorf("keep the history of the link: %w", err)
	}
	return nil
}

// LinkCapacity is what tests of the channel to the configured Central Node found.
func (s *Store) LinkCapacity(ctx context.Context) (acts.Capacity, error) {
	var kept linkCapacity
	if _, _, err := s.get(ctx, linkCapacityKey, 1, &kept); err != nil {
		return acts.Capacity{}, err
	}
	return kept.Capacity, nil
}

// SaveLinkCapacity keeps what tests of the channel found; the zero value is
// forgetting.
func (s *Store) SaveLinkCapacity(ctx context.Context, found acts.Capacity) error {
	var c Change
	if found.Bits == 0 {
		c.ForgetLinkCapacity()
	} else {
		c.Put(linkCapacityKey, linkCapacity{V: 1, Capacity: found})
	}
	if err := c.ApplyQuietly(ctx, s.kv); err != nil {
		return fmt.Errorf("keep the capacity of the channel: %w", err)
	}
	return nil
}

// ForgetLinkCapacity forgets what tests found, for a channel to another Central
// Node.
func (c *Change) ForgetLinkCapacity() { c.Delete(linkCapacityKey) }
