package golden

import "bytes"

// firstDifference returns the number of the first line, counted from 1, in which the two texts differ, and that line of each, with its line
// end: a file that only lacks the last one differs too.
func firstDifference(want, got []byte) (line int, wantLine, gotLine string) {
	for line = 1; ; line++ {
		var w, g []byte
		w, want = cutLine(want)
		g, got = cutLine(got)
		if !bytes.Equal(w, g) || len(w) == 0 {
			return line, string(w), string(g)
		}
	}
}

// cutLine splits off the first line, line end included.
func cutLine(text []byte) (line, rest []byte) {
	end := bytes.IndexByte(text, '\n') + 1
	if end == 0 {
		end = len(text)
	}
	return text[:end], text[end:]
}
