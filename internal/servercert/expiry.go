package servercert

import (
	"context"
	"log/slog"
	"time"

	"vedette/pki"
)

// WatchExpiry looks at the certificate's dates at once and then daily, until
// ctx ends. It warns and never cuts: those who pin the certificate accept it as
// it is.
func (k *Keeper) WatchExpiry(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(24 * time.Hour)
	defer tick.Stop()
	for {
		pair := k.Pair()
		if w, ok := pki.ExpiryWarning(pair.Leaf(), k.config.Now()); ok {
			log.Warn(w.Text, "certificate", pair.Fingerprint().String(), "expires", pair.Leaf().NotAfter)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
