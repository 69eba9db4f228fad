package register

import (
	"slices"
	"strings"
)

// Category is a kind of personal data: a key of Fideslang 3.2's data
// categories.
type Category string

// The categories by which people are found unless find-by says otherwise.
const (
	CategoryEmail      Category = "user.contact.email"
	CategoryPhone      Category = "user.contact.phone_number"
	CategoryNationalID Category = "user.government_id.national_identification_number"
)

// Valid reports whether c is a category of Fideslang 3.2.
func (c Category) Valid() bool {
	_, ok := categories[c]
	return ok
}

// Special reports whether c is a special category of data (GDPR Art. 9(1)).
// The children of one are special too.
func (c Category) Special() bool { return categories[c] == special }

// Criminal reports whether c is about criminal convictions and offenses (GDPR
// Art. 10).
func (c Category) Criminal() bool { return categories[c] == criminal }

// A kind says which article a category falls under beside Art. 6.
type kind uint8

const (
	ordinary kind = iota
	special       // Art. 9
	criminal      // Art. 10
)

// categories are the keys of Fideslang 3.2.0, without those that it has
// replaced. The spelling is theirs.
var categories = map[Category]kind{
	"system":                                             ordinary,
	"system.authentication":                              ordinary,
	"system.operations":                                  ordinary,
	"user":                                               ordinary,
	"user.account":                                       ordinary,
	"user.account.username":                              ordinary,
	"user.authorization":                                 ordinary,
	"user.authorization.biometrics":                      special,
	"user.authorization.credentials":                     ordinary,
	"user.authorization.password":                        ordinary,
	"user.behavior":                                      ordinary,
	"user.behavior.browsing_history":                     ordinary,
	"user.behavior.media_consumption":                    ordinary,
	"user.behavior.purchase_history":                     ordinary,
	"user.behavior.search_history":                       ordinary,
	"user.biometrics":                                    special,
	"user.biometrics.fingerprint":                        special,
	"user.biometrics.retinal":                            special,
	"user.biometrics.voice":                              special,
	"user.children":                                      ordinary,
	"user.children.children_under_thirteen":              ordinary,
	"user.children.thirteen_to_sixteen":                  ordinary,
	"user.contact":                                       ordinary,
	"user.contact.address":                               ordinary,
	"user.contact.address.city":                          ordinary,
	"user.contact.address.country":                       ordinary,
	"user.contact.address.mailing_address":               ordinary,
	"user.contact.address.postal_code":                   ordinary,
	"user.contact.address.state":                         ordinary,
	"user.contact.address.street":                        ordinary,
	CategoryEmail:                                        ordinary,
	"user.contact.fax_number":                            ordinary,
	CategoryPhone:                                        ordinary,
	"user.contact.social_url":                            ordinary,
	"user.content":                                       ordinary,
	"user.content.private":                               ordinary,
	"user.content.public":                                ordinary,
	"user.content.self_image":                            ordinary,
	"user.criminal_history":                              criminal,
	"user.demographic":                                   ordinary,
	"user.demographic.age_range":                         ordinary,
	"user.demographic.citizenship_or_immigration_status": ordinary,
	"user.demographic.date_of_birth":                     ordinary,
	"user.demographic.gender":                            ordinary,
	"user.demographic.language":                          ordinary,
	"user.demographic.marital_status":                    ordinary,
	"user.demographic.philosophical_belief":              special,
	"user.demographic.political_opinion":                 special,
	"user.demographic.profile":                           ordinary,
	"user.demographic.protected_classifications":         special,
	"user.demographic.race_ethnicity":                    special,
	"user.demographic.religious_belief":                  special,
	"user.demographic.sexual_orientation":                special,
	"user.demographic.union_membership":                  special,
	"user.device":                                        ordinary,
	"user.device.cookie":                                 ordinary,
	"user.device.cookie_id":                              ordinary,
	"user.device.device_id":                              ordinary,
	"user.device.ip_address":                             ordinary,
	"user.device.sensor":                                 ordinary,
	"user.device.telemetry":                              ordinary,
	"user.financial":                                     ordinary,
	"user.financial.bank_account":                        ordinary,
	"user.financial.credit_card":                         ordinary,
	"user.government_id":                                 ordinary,
	"user.government_id.birth_certificate":               ordinary,
	"user.government_id.drivers_license_number":          ordinary,
	"user.government_id.immigration":                     ordinary,
	CategoryNationalID:                                   ordinary,
	"user.government_id.passport_number":                 ordinary,
	"user.government_id.vehicle_registration":            ordinary,
	"user.health":                                        special,
	"user.health.baby_formula":                           special,
	"user.health.condition":                              special,
	"user.health.genetic":                                special,
	"user.health.insurance_beneficiary_id":               special,
	"user.health.maternity_clothing":                     special,
	"user.health.medical_diagnosis":                      special,
	"user.health.medications":                            special,
	"user.health.prescriptions":                          special,
	"user.health.record_id":                              special,
	"user.health.reproductive_or_sexual":                 special,
	"user.health.social_psychological_behavioral":        special,
	"user.health.symptons":                               special,
	"user.health.treatment":                              special,
	"user.location":                                      ordinary,
	"user.location.coarse":                               ordinary,
	"user.location.precise":                              ordinary,
	"user.name":                                          ordinary,
	"user.name.first":                                    ordinary,
	"user.name.last":                                     ordinary,
	"user.payment":                                       ordinary,
	"user.privacy_preferences":                           ordinary,
	"user.professional_information":                      ordinary,
	"user.professional_information.job_title":            ordinary,
	"user.professional_information.workplace":            ordinary,
	"user.settings":                                      ordinary,
	"user.social_activity":                               ordinary,
	"user.unique_id":                                     ordinary,
	"user.unique_id.deterministic":                       ordinary,
	"user.unique_id.probablistic":                        ordinary,
}

// renamed leads from the keys that Fideslang 3.2.0 replaced to those it has
// now.
var renamed = map[Category]Category{
	"user.account.settings":                            "user.settings",
	"user.authorization.biometric":                     "user.authorization.biometrics",
	"user.biometric":                                   "user.biometrics",
	"user.biometric.fingerprint":                       "user.biometrics.fingerprint",
	"user.biometric.health":                            "user.biometrics",
	"user.biometric.retinal":                           "user.biometrics.retinal",
	"user.biometric.voice":                             "user.biometrics.voice",
	"user.childrens":                                   "user.children",
	"user.contact.organization":                        "user.contact",
	"user.contact.url":                                 "user.contact.social_url",
	"user.health_and_medical":                          "user.health",
	"user.health_and_medical.genetic":                  "user.health.genetic",
	"user.health_and_medical.insurance_beneficiary_id": "user.health.insurance_beneficiary_id",
	"user.health_and_medical.record_id":                "user.health.record_id",
	"user.job_title":                                   "user.professional_information.job_title",
	"user.location.imprecise":                          "user.location.coarse",
	"user.sensor":                                      "user.device.sensor",
	"user.social":                                      "user.social_activity",
	"user.telemetry":                                   "user.device.telemetry",
	"user.unique_id.pseudonymous":                      "user.unique_id",
	"user.user_sensor":                                 "user.device.sensor",
	"user.workplace":                                   "user.professional_information.workplace",
}

// knownSubjects are Fideslang 3.2's data subjects.
var knownSubjects = []string{
	"anonymous_user", "citizen_voter", "commuter", "consultant", "customer",
	"employee", "job_applicant", "next_of_kin", "passenger", "patient",
	"prospect", "shareholder", "supplier_vendor", "trainee", "visitor",
}

// KnownSubject reports whether category is one of Fideslang's data subjects,
// which need no declaration.
func KnownSubject(category string) bool { return slices.Contains(knownSubjects, category) }

// exampleCategory returns the category that resembles the name of a field, for
// the end of an error: the one that ends with that word, else one whose last
// word contains it.
func exampleCategory(field string) Category {
	near := CategoryEmail
	for _, c := range slices.Backward(sortedKeys(categories)) {
		switch last := string(c[strings.LastIndexByte(string(c), '.')+1:]); {
		case last == field:
			return c
		case field != "" && strings.Contains(last, field):
			near = c
		}
	}
	return near
}
