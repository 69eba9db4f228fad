package register

import "testing"

func BenchmarkParse(b *testing.B) {
	data := []byte(file(b, "full.yaml"))
	for b.Loop() {
		if _, err := Parse(File{Name: "full.yaml", Data: data}); err != nil {
			b.Fatal(err)
		}
	}
}
