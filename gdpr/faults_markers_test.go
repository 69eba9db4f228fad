package gdpr_test

// The markers: one in every place that takes personal data. Nobody else bears these names.
var (
	markMail  = planted{"e-mail", "Märkt.Oändlig@Blåsippa.Example", []string{"märkt.oändlig@xn--blsippa-fxa.example", "märkt.oändlig"}}
	markTel   = planted{"phone", "070-174 06 12", []string{"+46701740612", "46701740612", "0701740612", "701740612"}}
	markPnr   = planted{"personnummer", "19811218-9876", []string{"198112189876", "811218-9876", "8112189876"}}
	markRef   = planted{"ref", "Kundnyckel-Åmål-7731", nil}
	markName  = planted{"name", "Örjan Märkströmsson", []string{"Märkströmsson"}}
	markText  = planted{"message", "Änglavaktsgatan sjutton", nil}
	markBin   = planted{"bytes", "Bifogat-avtal-Öckerö", nil}
	markList  = planted{"list", "Andra-bilagan-Älvsjö", nil}
	markInt   = planted{"integer", "918273645546372819", nil}
	markReal  = planted{"float", "27182818.284590452", []string{"2.7182818284590452e+07"}}
	markTime  = planted{"time", "1951-03-07T05:06:07.123456789", nil}
	markSrc   = planted{"source", "Visitkort på Mässan i Kråkvinkel", nil}
	markMail2 = planted{"second person's e-mail", "Bisittare.Åström@vän.example", []string{"bisittare.åström@xn--vn-via.example"}}
	markText2 = planted{"second person's message", "Vittnesmål-Ångermanland", nil}
	markName2 = planted{"new name", "Ödgärd Nyströmsdotter", nil}
	markMail3 = planted{"new e-mail", "Nyadress.Ödgärd@Blåsippa.Example", []string{"nyadress.ödgärd@xn--blsippa-fxa.example"}}
	markHost  = planted{"hosted content", "Kundens kund Håkan Bråkström", nil}
	markKey   = planted{"hosted key", "Hyresgäst-Ängelholm-44", nil}
	markNote  = planted{"event's note", "Ringde från Skärgårdsvägen", nil}
	markHold  = planted{"hold's note", "Tvist med Grannsämjan", nil}
	markParty = planted{"party", "Märkvärdiga Kunder Östersund AB", nil}
	markDesk  = planted{"contact", "Dataskydd.Åre@märkvärdig.example", []string{"dataskydd.åre@xn--mrkvrdig-0zab.example"}}
	markOrgNr = planted{"party's number", "556677-889900", nil}
	markAgree = planted{"agreement's reference", "Avtal Ödeshög 77-B", nil}
	markTitle = planted{"assignment's title", "Flytt av Västeråsmiljön", nil}
	markGrant = planted{"grant's reason", "Vikarie för Märtha-Lisa", nil}
	markSuper = planted{"supervisor", "Övervakare Ingegärd", nil}
	// Never stored: searched for, or refused.
	markLost = planted{"searched for", "okänd.sökande@försvunnen.example", []string{"okänd.sökande@xn--frsvunnen-07a.example"}}
	markBad  = planted{"bad input", "Felaktig-Inmatning-Åäö", nil}
	markBulk = planted{"in a killed import", "Avbruten-Överföring", nil}
)

var allMarkers = []planted{markMail, markTel, markPnr, markRef, markName, markText, markBin, markList, markInt, markReal, markTime, markSrc,
	markMail2, markText2, markName2, markMail3, markHost, markKey, markNote, markHold, markParty, markDesk, markOrgNr, markAgree, markTitle,
	markGrant, markSuper, markLost, markBad, markBulk}
