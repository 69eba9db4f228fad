package invented

import "strings"

var firstNames = strings.Fields(`
	Anna Eva Maria Karin Kristina Lena Kerstin Ingrid Åsa Åse Märta Görel Östen Håkan Pär Sören Göran Jörgen Björn Torbjörn Mårten Måns Åke
	Erik Lars Karl Anders Johan Nils Per Mikael Jan Hans Peter Fredrik Daniel Thomas Emma Elin Sara Ida Johanna Hanna Malin Linnéa Zoë André
	Amira Fatima Yusuf Mehmet Jelena Piotr Nguyen Siobhán Ximena Noël Viktoria Oskar Alva Ebba Vide Tuva Märit Gunnel Barbro Bengt Sven-Åke
	Ann-Sofie Karl-Johan Anna-Karin Lars-Göran`)

var lastNames = []string{
	"Andersson", "Johansson", "Karlsson", "Nilsson", "Eriksson", "Larsson", "Olsson", "Persson", "Svensson", "Gustafsson", "Jönsson", "Jansson",
	"Lindqvist", "Lindström", "Lindgren", "Åberg", "Åkesson", "Åström", "Öberg", "Östlund", "Öhman", "Sjöberg", "Sjögren", "Björk", "Björklund",
	"Nyström", "Holmström", "Hägg", "Häggström", "Söderberg", "Söderström", "Norén", "Hedlund", "Bergström", "Wallén", "Lövgren", "Mårtensson",
	"Forsgren", "Källström", "Ek", "Dahl", "Blomqvist", "Kowalska", "Müller", "O'Brien", "Haddad", "Yılmaz", "Petrović", "Nguyen", "von Essen",
	"af Ekenstam", "Lund Öqvist",
}

// Companies that have signed a support agreement, in the order of its number; the seventh is Anna Lindqvist's employer.
var customerNames = []string{
	"Ådalens Bygg AB", "Västanå Trä AB", "Björkö Bageri AB", "Snäckans Optik AB", "Möllans Cykel HB", "Tallbackens Vårdcentral AB",
	"Kund i Norden AB", "Fastighets AB Lyktan", "Örnsköld Åkeri AB", "Sjöfarten Tre Kronblad AB", "Rönnbärets Förskola ek. för.", "Glödlampan El AB",
	"Hästhagen Ridklubb", "Kvarnbyns Mejeri AB", "Pärlans Tandvård AB", "Skogsbrynet Konsult AB", "Stenåldern Museum", "Lövängers Plåt AB",
	"Grynnan Fisk AB", "Åttkanten Arkitekter AB", "Nordanvinden Segel AB", "Trollsländan Media AB", "Ängsblommans Apotek AB", "Räknenissen Redovisning AB",
	"Dalkullan Textil AB", "Isbrytaren Logistik AB", "Granbarr & Söner HB", "Havstulpanen Hotell AB", "Eldflugan Reklam AB", "Blåbärsrisets Skola",
	"Vågskvalp Friskvård AB", "Fjällripan Resor AB", "Murgrönan Trädgård AB", "Ålkistan Restaurang AB", "Smörblomman Städ AB", "Korpens Juridik AB",
	"Näckrosen Försäkring AB", "Slåttern Maskin AB", "Tvåkronan Verkstad AB", "Yxskaftet Järn AB",
}

// Companies without an agreement: those who ask for an offer, and those whom the sales people talk to.
var prospectNames = []string{
	"Sjövik Kommunbolag AB", "Ödlan Spel AB", "Kompassrosen Utbildning AB", "Tegelröd Måleri AB", "Mörkret Foto HB", "Bäckens Bryggeri AB",
	"Åskmolnet Data AB", "Rävlyan Trädgård AB", "Päronträdet Skola", "Solrosen Hemtjänst AB", "Gäddan Båt AB", "Hjortronmyren Livs AB",
}

// Mail providers of people who write from home.
var homeDomains = []string{"posten.example", "brevlada.example", "hemma.example", "epost.example"}

// domain makes a company's domain from its name.
func domain(company string) string {
	switch company {
	case "Kund i Norden AB":
		return "kund.example"
	}
	var kept []string
	for _, word := range strings.Fields(company) {
		switch word {
		case "AB", "HB", "ek.", "för.", "&", "i":
		default:
			kept = append(kept, fold(word))
		}
	}
	return strings.Join(kept, "-") + ".example"
}

var folded = strings.NewReplacer("å", "a", "ä", "a", "á", "a", "ö", "o", "é", "e", "ë", "e", "ü", "u", "ı", "i", "ć", "c", "'", "", " ", "")

// fold writes a name with the letters that mail systems have always taken.
func fold(name string) string {
	return folded.Replace(strings.ToLower(name))
}
