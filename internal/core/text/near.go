package text

// Near reports whether somebody who wrote a may have meant b: one slip of the keyboard
// in a short word, two in one of five letters or more. A slip is a letter that is
// missing, too many or another one, or two that changed places. Both are ASCII.
func Near(a, b string) bool {
	if a == b {
		return true
	}
	allowed := 1
	if min(len(a), len(b)) >= 5 {
		allowed = 2
	}
	return min(len(a), len(b)) >= 3 && slips(a, b, allowed) <= allowed
}

// longestNear is the length from which on words are not compared.
const longestNear = 64

// slips counts by how many slips two words differ, as far as limit + 1.
func slips(a, b string, limit int) int {
	if d := len(a) - len(b); d > limit || -d > limit || len(a) > longestNear {
		return limit + 1
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := range len(a) {
		before, above, row := rows[0], rows[1], rows[2]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(above[j]+cost, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		rows[0], rows[1], rows[2] = above, row, before
	}
	return rows[1][len(b)]
}
