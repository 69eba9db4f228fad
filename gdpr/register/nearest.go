package register

// longestGuess is the longest text for which a likeness is looked for, and
// longestList the longest list in which it is.
const longestGuess, longestList = 80, 1000

// nearest returns the word of a closed list that a text was probably meant to
// be. The text itself never gets into the answer.
func nearest[K ~string](text string, list []K) (K, bool) {
	var best K
	least := min(3, len(text)/3) + 1
	if len(text) > longestGuess || len(list) > longestList {
		return best, false
	}
	for _, word := range list {
		if d := distance(text, string(word)); d < least && d < len(word) {
			best, least = word, d
		}
	}
	return best, best != ""
}

// distance counts the letters to insert, take away, change or swap with their
// neighbor.
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
