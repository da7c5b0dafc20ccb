"""What the simulated CRM writes: levels of the leads' attributes and how often each occurs, our own round figures."""

from collections.abc import Mapping

MISSING = ""
"""An attribute that nobody gave; the CRM shows it as 'Select' or leaves it empty."""
ANY = ""
"""The one group of an attribute that has no parent."""

Shares = dict[str, float]

API, LANDING, ADD_FORM = "API", "Landing Page Submission", "Lead Add Form"
IMPORT, QUICK = "Lead Import", "Quick Add Form"
WORKING, REFERENCE, GOOGLE, DIRECT = "Working Professional", "Reference", "Google", "Direct Traffic"
ORGANIC, CHAT, FACEBOOK, INDIA = "Organic Search", "Olark Chat", "Facebook", "India"

# fmt: off
ORIGINS: Shares = {API: 0.36, LANDING: 0.48, ADD_FORM: 0.09, IMPORT: 0.04, QUICK: 0.03}

SOURCES: Mapping[str, Shares] = {
    API: {
        CHAT: 0.42, GOOGLE: 0.33, ORGANIC: 0.14, DIRECT: 0.06, "Referral Sites": 0.03, MISSING: 0.014,
        "testone": 0.003, "NC_EDM": 0.003,
    },
    LANDING: {
        DIRECT: 0.46, GOOGLE: 0.34, ORGANIC: 0.14, "Referral Sites": 0.03, FACEBOOK: 0.016, MISSING: 0.01,
        "testone": 0.002, "NC_EDM": 0.002,
    },
    ADD_FORM: {REFERENCE: 0.74, "Welingak Website": 0.2, CHAT: 0.03, MISSING: 0.03},
    IMPORT: {FACEBOOK: 0.93, GOOGLE: 0.03, MISSING: 0.04},
    QUICK: {REFERENCE: 0.3, GOOGLE: 0.3, DIRECT: 0.3, MISSING: 0.1},
}

_COUNTRIES: Shares = {
    INDIA: 0.8, "United States": 0.04, "United Arab Emirates": 0.035, "Singapore": 0.02, "Saudi Arabia": 0.015,
    "United Kingdom": 0.012, "Australia": 0.01, "Qatar": 0.008, "Bahrain": 0.006, "Hong Kong": 0.006,
    "Germany": 0.005, "Nigeria": 0.005, MISSING: 0.04,
}
COUNTRIES: Mapping[str, Shares] = {
    API: _COUNTRIES | {MISSING: 0.3}, LANDING: _COUNTRIES, ADD_FORM: _COUNTRIES | {MISSING: 0.6},
    IMPORT: _COUNTRIES | {MISSING: 0.4}, QUICK: _COUNTRIES | {MISSING: 0.3},
}

_CITIES: Shares = {
    "Mumbai": 0.4, "Thane & Outskirts": 0.12, "Pune": 0.1, "Bengaluru": 0.09, "Delhi": 0.08, "Hyderabad": 0.05,
    "Other Cities": 0.06, "Other Cities of Maharashtra": 0.05, "Other Metro Cities": 0.03, "Tier II Cities": 0.02,
}
_CITIES_ABROAD: Shares = {"Other Cities": 0.6, "Other Metro Cities": 0.4}
CITIES: Mapping[str, Shares] = {
    country: _CITIES if country in (INDIA, MISSING) else _CITIES_ABROAD for country in _COUNTRIES
}

_OCCUPATIONS: Shares = {"Unemployed": 0.64, WORKING: 0.22, "Student": 0.1, "Other": 0.04}
_ALL_SOURCES = {level for shares in SOURCES.values() for level in shares}
OCCUPATIONS: Mapping[str, Shares] = dict.fromkeys(_ALL_SOURCES, _OCCUPATIONS)

SPECIALIZATIONS: Shares = {
    "Finance Management": 0.17, "Human Resource Management": 0.14, "Marketing Management": 0.14,
    "Operations Management": 0.09, "Business Administration": 0.08, "IT Projects Management": 0.07,
    "Supply Chain Management": 0.06, "Banking, Investment And Insurance": 0.06, "Travel and Tourism": 0.04,
    "Healthcare Management": 0.03, MISSING: 0.12,
}
YES_NO: Shares = {"No": 1.0, "Yes": 1.0}
INDEX: Shares = {"03.Low": 1.0, "02.Medium": 1.0, "01.High": 1.0, MISSING: 1.0}

SPELLINGS: Mapping[str, Shares] = {
    GOOGLE: {"Google": 0.9, "google": 0.07, "GOOGLE": 0.03},
    DIRECT: {"Direct Traffic": 0.95, "direct traffic": 0.05},
    WORKING: {"Working Professional": 0.97, "working professional": 0.03},
    INDIA: {"India": 0.98, "india": 0.02},
}
"""How a level is written, whatever the lead: a matter of who typed it in."""
SELECT = "Select"
SHOWN_AS_SELECT: Shares = {
    "source": 0.3, "country": 0.3, "city": 0.8, "occupation": 0.7, "specialization": 0.9, "activity_index": 0.0,
    "profile_index": 0.0,
}
"""Share of the missing values that the CRM shows as 'Select'; the others are empty."""
