package people

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// quietZone is the white border that scanners need, in modules (ISO/IEC 18004).
const quietZone = 4

// qrCode is a QR code as the outline of its dark modules, in a square of Size
// modules.
type qrCode struct {
	Size int
	Path string // of an SVG
}

// encode makes the code of a text, of which 15 % may be hidden or soiled.
func encode(text string) (qrCode, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return qrCode{}, fmt.Errorf("make a QR code: %w", err)
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for code.Black(x, y) { // outside it is white
				x++
			}
			if n := x - from; n > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+quietZone, y+quietZone, n, n)
			}
		}
	}
	return qrCode{Size: code.Size + 2*quietZone, Path: path.String()}, nil
}
