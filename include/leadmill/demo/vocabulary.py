"""What the made-up X Education file is drawn from: headers, levels, and how often each occurs.

The levels are the CRM's vocabulary; the shares are round figures of our own in the size of the real ones. No row of
a real file is in here.
"""

COLUMNS = (
    "Prospect ID",
    "Lead Number",
    "Lead Origin",
    "Lead Source",
    "Do Not Email",
    "Do Not Call",
    "Converted",
    "TotalVisits",
    "Total Time Spent on Website",
    "Page Views Per Visit",
    "Last Activity",
    "Country",
    "Specialization",
    "How did you hear about X Education",
    "What is your current occupation",
    "What matters most to you in choosing a course",
    "Search",
    "Magazine",
    "Newspaper Article",
    "X Education Forums",
    "Newspaper",
    "Digital Advertisement",
    "Through Recommendations",
    "Receive More Updates About Our Courses",
    "Tags",
    "Lead Quality",
    "Update me on Supply Chain Content",
    "Get updates on DM Content",
    "Lead Profile",
    "City",
    "Asymmetrique Activity Index",
    "Asymmetrique Profile Index",
    "Asymmetrique Activity Score",
    "Asymmetrique Profile Score",
    "I agree to pay the amount through cheque",
    "A free copy of Mastering The Interview",
    "Last Notable Activity",
)

ALWAYS_NO = (
    "Magazine",
    "Receive More Updates About Our Courses",
    "Update me on Supply Chain Content",
    "Get updates on DM Content",
    "I agree to pay the amount through cheque",
)
RARELY_YES = {
    "Do Not Call": 0.0003,
    "Search": 0.0015,
    "Newspaper Article": 0.0003,
    "X Education Forums": 0.0002,
    "Newspaper": 0.0002,
    "Digital Advertisement": 0.0004,
    "Through Recommendations": 0.0008,
}

# fmt: off
API, LANDING, ADD_FORM, IMPORT = "API", "Landing Page Submission", "Lead Add Form", "Lead Import"
ORIGINS = {API: 0.387, LANDING: 0.529, ADD_FORM: 0.078, IMPORT: 0.006}

SOURCES = {
    API: {
        "Olark Chat": 0.49, "Google": 0.323, "Organic Search": 0.127, "Direct Traffic": 0.031,
        "Referral Sites": 0.027, "bing": 0.002,
    },
    LANDING: {
        "Direct Traffic": 0.4985, "Google": 0.3485, "Organic Search": 0.143, "Referral Sites": 0.006,
        "google": 0.0015, "Press_Release": 0.0005, "bing": 0.001, "Social Media": 0.001,
    },
    ADD_FORM: {
        "Reference": 0.743, "Welingak Website": 0.198, "": 0.047, "Click2call": 0.006, "Olark Chat": 0.003,
        "Live Chat": 0.003,
    },
    IMPORT: {"Facebook": 0.98, "": 0.02},
}
SINGLE_SOURCES = ("NC_EDM", "testone", "welearnblog_Home", "WeLearn", "blog", "youtubechannel", "Pay per Click Ads")

ZERO_VISITS = {API: 0.447, LANDING: 0.001, ADD_FORM: 0.78, IMPORT: 0.55}
ENGAGED = {API: 0.36, LANDING: 0.35, ADD_FORM: 0.7, IMPORT: 0.2}
VISITS = {
    1: 58, 2: 244, 3: 190, 4: 163, 5: 113, 6: 68, 7: 45, 8: 32, 9: 24, 10: 17, 11: 12, 12: 7, 13: 7, 14: 5, 16: 3,
    15: 3, 17: 2, 18: 2, 20: 2, 19: 1, 23: 1, 25: 1,
}
VISITS_PER_PAGE_SHARE = {1: 0.68, 2: 0.2, 3: 0.065, 4: 0.03, 5: 0.015, 6: 0.01}
USUAL_PAGES = 9
NO_WEB_DATA = {API: 0.0, LANDING: 0.0001, ADD_FORM: 0.15, IMPORT: 0.44}

ACTIVITIES = {
    API: {
        "Email Opened": 0.352, "Olark Chat Conversation": 0.247, "SMS Sent": 0.225,
        "Page Visited on Website": 0.049, "Converted to Lead": 0.045, "Email Link Clicked": 0.035,
        "Email Bounced": 0.025, "Form Submitted on Website": 0.007, "Unreachable": 0.007, "Unsubscribed": 0.005,
        "Had a Phone Conversation": 0.003,
    },
    LANDING: {
        "Email Opened": 0.396, "SMS Sent": 0.327, "Page Visited on Website": 0.091, "Converted to Lead": 0.055,
        "Email Bounced": 0.046, "Email Link Clicked": 0.024, "Form Submitted on Website": 0.018,
        "Olark Chat Conversation": 0.017, "Unreachable": 0.013, "Unsubscribed": 0.008,
        "Had a Phone Conversation": 0.003, "Approached upfront": 0.001, "View in browser link Clicked": 0.001,
    },
    ADD_FORM: {
        "SMS Sent": 0.46, "Email Opened": 0.31, "": 0.12, "Email Link Clicked": 0.03,
        "Page Visited on Website": 0.026, "Email Bounced": 0.017, "Unreachable": 0.009,
        "Had a Phone Conversation": 0.009, "Approached upfront": 0.006, "Olark Chat Conversation": 0.007,
        "Form Submitted on Website": 0.006,
    },
    IMPORT: {"Email Opened": 0.45, "": 0.29, "SMS Sent": 0.22, "Email Bounced": 0.04},
}
MODIFIED = {
    "": 1.0, "Converted to Lead": 1.0, "Form Submitted on Website": 0.99, "Approached upfront": 0.9,
    "Olark Chat Conversation": 0.81, "Email Bounced": 0.81, "Unreachable": 0.65, "Had a Phone Conversation": 0.53,
    "Page Visited on Website": 0.5, "Email Link Clicked": 0.35, "Unsubscribed": 0.23, "SMS Sent": 0.21,
    "Email Opened": 0.18, "View in browser link Clicked": 0.8,
}

COUNTRIES = {
    "India": 6500, "United States": 70, "United Arab Emirates": 53, "Singapore": 24, "Saudi Arabia": 21,
    "United Kingdom": 15, "Australia": 13, "Qatar": 10, "Bahrain": 7, "Hong Kong": 7, "France": 6, "Oman": 6,
    "unknown": 5, "Canada": 4, "Kuwait": 4, "Germany": 4, "South Africa": 4, "Nigeria": 4, "Sweden": 3, "Italy": 2,
    "China": 2, "Ghana": 2, "Kenya": 1, "Vietnam": 1,
}
NO_COUNTRY = {API: 0.47, LANDING: 0.01, ADD_FORM: 0.96, IMPORT: 1.0}

UNASKED = {API: 0.40, LANDING: 0.255, ADD_FORM: 0.0, IMPORT: 0.16}
UNASKED_HOW = {API: 0.97, LANDING: 0.64, ADD_FORM: 0.0, IMPORT: 1.0}
UNASKED_FIELD = {API: 0.97, LANDING: 0.055, ADD_FORM: 0.0, IMPORT: 1.0}
SELECT_FIELD = {API: 0.70, LANDING: 0.015, ADD_FORM: 0.44, IMPORT: 0.6}
SELECT_HOW = {API: 0.94, LANDING: 0.57, ADD_FORM: 0.92, IMPORT: 0.9}
SELECT = "Select"

SPECIALIZATIONS = {
    "Finance Management": 976, "Human Resource Management": 848, "Marketing Management": 838,
    "Operations Management": 503, "Business Administration": 403, "IT Projects Management": 366,
    "Supply Chain Management": 349, "Banking, Investment And Insurance": 338, "Travel and Tourism": 203,
    "Media and Advertising": 203, "International Business": 178, "Healthcare Management": 159,
    "Hospitality Management": 114, "E-COMMERCE": 112, "Retail Management": 100, "Rural and Agribusiness": 73,
    "E-Business": 57, "Services Excellence": 40,
}
CITIES = {
    "Mumbai": 58, "Thane & Outskirts": 13, "Other Cities": 12, "Other Cities of Maharashtra": 8,
    "Other Metro Cities": 7, "Tier II Cities": 2,
}
HEARD = {
    "Online Search": 41, "Word Of Mouth": 17, "Student of SomeSchool": 15, "Other": 9, "Multiple Sources": 8,
    "Advertisements": 4, "Social Media": 3, "Email": 2, "SMS": 1,
}
OCCUPATIONS = {
    "Unemployed": 0.862, "Working Professional": 0.1, "Student": 0.032, "Other": 0.0025, "Housewife": 0.0015,
    "Businessman": 0.002,
}
WORKING_PROFESSIONAL = "Working Professional"
WORKING_AMONG_ADD_FORM = 0.25
MATTERS = {"Better Career Prospects": 0.9995, "Flexibility & Convenience": 0.0003, "Other": 0.0002}
FREE_COPY = {API: 0.035, LANDING: 0.56, ADD_FORM: 0.024, IMPORT: 0.0}

# After contact, for a lead that was asked: drawn from the outcome, as sales staff fill them in. They leak it, as the
# real ones do.
TAGS = {
    0: {
        "": 0.075, "Ringing": 0.205, "Interested in other courses": 0.088, "Already a student": 0.081,
        "switched off": 0.041, "Not doing further education": 0.025, "Interested  in full time MBA": 0.02,
        "Graduation in progress": 0.018, "Will revert after reading the email": 0.012, "Busy": 0.015,
        "invalid number": 0.0145, "Diploma holder (Not Eligible)": 0.011, "wrong number given": 0.008,
        "opp hangup": 0.005, "number not provided": 0.005, "in touch with EINS": 0.0015, "Lost to EINS": 0.001,
        "Closed by Horizzon": 0.001, "Still Thinking": 0.001,
    },
    1: {
        "Will revert after reading the email": 0.564, "": 0.13, "Closed by Horizzon": 0.1, "Lost to EINS": 0.048,
        "Busy": 0.029, "Ringing": 0.01, "Interested in other courses": 0.004, "Already a student": 0.001,
        "switched off": 0.002, "Interested in Next batch": 0.0015, "Graduation in progress": 0.002,
    },
}
NO_TAG_WHEN_UNASKED = 0.95
QUALITIES = {
    0: {
        "": 0.28, "Not Sure": 0.147, "Worst": 0.104, "Might be": 0.066, "Low in Relevance": 0.018,
        "High in Relevance": 0.005,
    },
    1: {
        "Might be": 0.333, "": 0.18, "High in Relevance": 0.17, "Low in Relevance": 0.135, "Not Sure": 0.078,
        "Worst": 0.003,
    },
}
PROFILES = {
    0: {SELECT: 0.735, "Potential Lead": 0.1, "Other Leads": 0.095, "Student of SomeSchool": 0.07},
    1: {
        SELECT: 0.535, "Potential Lead": 0.4, "Other Leads": 0.05, "Lateral Student": 0.008,
        "Dual Specialization Student": 0.006, "Student of SomeSchool": 0.003,
    },
}

INDEX_GAP = (
    (0.0, 0.0), (0.14, 0.0), (0.2, 0.6), (0.33, 0.75), (0.42, 0.96), (0.6, 0.95), (0.7, 0.6), (0.8, 0.0),
    (1.0, 0.0),
)
"""Share of leads without the Asymmetrique columns at points of the file's time (0 oldest, 1 newest)."""
ACTIVITY_SCORES = {
    0: {14: 0.345, 15: 0.15, 13: 0.217, 16: 0.077, 17: 0.107, 12: 0.055, 11: 0.028, 10: 0.017, 9: 0.003, 18: 0.001},
    1: {14: 0.37, 15: 0.432, 13: 0.053, 16: 0.12, 17: 0.009, 12: 0.012, 11: 0.003, 10: 0.001},
}
PROFILE_SCORES = {
    0: {15: 0.408, 18: 0.22, 16: 0.114, 17: 0.102, 20: 0.029, 19: 0.02, 14: 0.054, 13: 0.049, 12: 0.004},
    1: {15: 0.26, 18: 0.203, 16: 0.129, 17: 0.137, 20: 0.115, 19: 0.095, 14: 0.03, 13: 0.026, 12: 0.005},
}
LOW, MEDIUM, HIGH = "03.Low", "02.Medium", "01.High"
ACTIVITY_LEVELS = (12, 15)
PROFILE_LEVELS = (12, 16)
"""Highest score that is low, highest that is medium."""
