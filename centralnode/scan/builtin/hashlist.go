package builtin

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"vedette/centralnode/scan/engine"
)

const (
	maxHashes     = 10_000_000 // of all lists together
	maxNameBytes  = 1 << 29    // of one list
	internedNames = 1 << 16    // names of a list that are kept once
)

// hashList is one file of hashes. It is sorted arrays, and one run of bytes for
// all names, so that a million hashes are a few allocations.
type hashList struct {
	md5    []hashEntry[[md5.Size]byte]
	sha256 []hashEntry[[sha256.Size]byte]
	names  []byte // records: importance, length, name
}

type hashEntry[D any] struct {
	sum  D
	name uint32 // where its record begins in names
}

func (l *hashList) len() int { return len(l.md5) + len(l.sha256) }

// parseHashList reads a list of at most room hashes.
func parseHashList(ctx context.Context, r io.Reader, room int) (*hashList, error) {
	l, known := &hashList{}, make(map[string]uint32)
	err := eachLine(ctx, r, func(line []byte) error {
		digits, rest := nextField(line)
		name, rest := nextField(rest)
		word, rest := nextField(rest)
		if len(rest) > 0 {
			return fmt.Errorf("%s is more than a hash, a name and an importance", excerpt(rest))
		}
		if l.len() >= room {
			return fmt.Errorf("more than %d hashes in all lists", maxHashes)
		}
		if err := checkName(name); err != nil {
			return err
		}
		importance := engine.High
		if len(word) > 0 {
			var err error
			if importance, err = parseImportance(word); err != nil {
				return err
			}
		}
		var sum [sha256.Size]byte
		n := hex.DecodedLen(len(digits))
		if n != md5.Size && n != sha256.Size || len(digits)%2 != 0 {
			return fmt.Errorf("%s is neither an MD5 of 32 nor a SHA-256 of 64 hexadecimal digits", excerpt(digits))
		}
		if _, err := hex.Decode(sum[:], digits); err != nil {
			return fmt.Errorf("%s is not a hash: it has other than hexadecimal digits", excerpt(digits))
		}
		ref, err := l.keep(known, name, importance)
		if err != nil {
			return err
		}
		if n == md5.Size {
			l.md5 = append(l.md5, hashEntry[[md5.Size]byte]{[md5.Size]byte(sum[:md5.Size]), ref})
		} else {
			l.sha256 = append(l.sha256, hashEntry[[sha256.Size]byte]{sum, ref})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(l.md5, func(a, b hashEntry[[md5.Size]byte]) int { return bytes.Compare(a.sum[:], b.sum[:]) })
	slices.SortFunc(l.sha256, func(a, b hashEntry[[sha256.Size]byte]) int { return bytes.Compare(a.sum[:], b.sum[:]) })
	l.md5, l.sha256, l.names = exact(l.md5), exact(l.sha256), exact(l.names)
	return l, nil
}

// exact gives back what append took in advance.
func exact[S ~[]E, E any](s S) S {
	if cap(s)-len(s) < len(s)/64 {
		return s
	}
	return append(make(S, 0, len(s)), s...)
}

// keep stores a name with its importance, the first ones once each.
func (l *hashList) keep(known map[string]uint32, name []byte, importance engine.Importance) (uint32, error) {
	record := make([]byte, 0, 2+maxName)
	record = append(record, importance[0], byte(len(name)))
	record = append(record, name...)
	if ref, ok := known[string(record)]; ok {
		return ref, nil
	}
	if len(l.names)+len(record) > maxNameBytes {
		return 0, errors.New("the names of this list are too many")
	}
	ref := uint32(len(l.names))
	l.names = append(l.names, record...)
	if len(known) < internedNames {
		known[string(record)] = ref
	}
	return ref, nil
}

func (l *hashList) detection(ref uint32) engine.Detection {
	d := engine.Detection{Importance: engine.High}
	switch l.names[ref] {
	case engine.Medium[0]:
		d.Importance = engine.Medium
	case engine.Low[0]:
		d.Importance = engine.Low
	}
	name := l.names[ref+2:]
	d.Name = string(name[:l.names[ref+1]])
	return d
}

// find tells what an object's hashes are called here.
func (l *hashList) find(md5Sum [md5.Size]byte, sha256Sum [sha256.Size]byte, found func(engine.Detection)) {
	i, _ := slices.BinarySearchFunc(l.md5, md5Sum, func(e hashEntry[[md5.Size]byte], sum [md5.Size]byte) int { return bytes.Compare(e.sum[:], sum[:]) })
	for ; i < len(l.md5) && l.md5[i].sum == md5Sum; i++ {
		found(l.detection(l.md5[i].name))
	}
	i, _ = slices.BinarySearchFunc(l.sha256, sha256Sum, func(e hashEntry[[sha256.Size]byte], sum [sha256.Size]byte) int {
		return bytes.Compare(e.sum[:], sum[:])
	})
	for ; i < len(l.sha256) && l.sha256[i].sum == sha256Sum; i++ {
		found(l.detection(l.sha256[i].name))
	}
}
