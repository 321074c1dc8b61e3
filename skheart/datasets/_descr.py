"""What each data set is, who may use it and what goes wrong with it: the `DESCR` of a Bunch."""

CIRCOR_URL = "https://physionet.org/files/circor-heart-sound/1.0.3/"
PHYSIONET2016_URL = "https://physionet.org/files/challenge-2016/1.0.0/"

CIRCOR = f"""\
CirCor DigiScope phonocardiogram dataset, version 1.0.3
=======================================================

Heart sounds of children and young adults from two screening campaigns in Brazil (2014, 2015), at
up to four auscultation sites each (AV aortic, PV pulmonary, TV tricuspid, MV mitral; Phc other).

:Recordings: 3163 of 942 patients in the whole public part (this folder may hold fewer)
:Rate: 4 kHz, 16 bit, mono; about 5 to 65 s
:Labels of a patient: murmur Present, Absent or Unknown; outcome Normal or Abnormal
:Segmentation: times of S1, systole, S2 and diastole, where they could be annotated
:Licence: Open Data Commons Attribution License 1.0 (ODC-By)
:Source: {CIRCOR_URL}

What to look out for
--------------------
- Labels are those of the patient, not of the recording: the murmur of a patient may not be audible
  at a given site. `murmur_locations` says where it was heard.
- Recordings of a patient must stay on one side of a split. Some patients came to both campaigns and
  have two numbers, joined by `additional_id`; `groups` counts them as one person. The two numbers
  can carry different labels.
- No split is published with the data: those of the challenge are not public. `split` reads the
  lists of others, and `evaluate_by_subject` makes folds by person.
- Often only a part of a recording is segmented; the rest is the state "unannotated". Segments are
  given as published: neighbours can overlap or leave a gap.

Cite
----
J. Oliveira, F. Renna, P. Costa, et al. "The CirCor DigiScope Dataset: From Murmur Detection to
Murmur Classification." IEEE Journal of Biomedical and Health Informatics 26(6), 2524-2535, 2022.
https://doi.org/10.1109/JBHI.2021.3137048
A. L. Goldberger, L. A. N. Amaral, L. Glass, et al. "PhysioBank, PhysioToolkit, and PhysioNet."
Circulation 101(23), e215-e220, 2000.
"""

PHYSIONET2016 = f"""\
PhysioNet/Computing in Cardiology Challenge 2016, version 1.0.0
===============================================================

Heart sounds that several groups recorded with different rigs, sites and patients, as databases a
to f.

:Recordings: 3240 in the whole training set (this folder may hold fewer)
:Rate: 2 kHz, 16 bit, mono; about 5 to 122 s
:Labels: -1 normal, 1 abnormal
:Segmentation: none is read
:Licence: Open Data Commons Attribution License 1.0 (ODC-By)
:Source: {PHYSIONET2016_URL}

What to look out for
--------------------
- Each database has its own rig and its own share of abnormal recordings: a pooled score mostly
  measures how well the rig is recognised. Report per `database`.
- `validation` is a copy of training recordings. It is no test set: `frame.in_validation` marks
  what it copies, and `skheart.audit.audit_split` finds copies by their samples.
- Databases differ by rig so much that it can be told from the sound:
  `skheart.audit.site_audit` measures that, and what is left at a database not trained on.
- A subject has several recordings; the training set names subjects for some databases only.
  In training-b, 490 recordings come from 106 subjects. Recordings without a known subject are
  groups of their own, and a warning says how many there are: a split of them may be by recording
  rather than by subject.
- `sqi` 0 marks recordings whose quality the organisers found doubtful.

Cite
----
C. Liu, D. Springer, Q. Li, et al. "An open access database for the evaluation of heart sound
algorithms." Physiological Measurement 37(12), 2181-2213, 2016.
https://doi.org/10.1088/0967-3334/37/12/2181
A. L. Goldberger, L. A. N. Amaral, L. Glass, et al. "PhysioBank, PhysioToolkit, and PhysioNet."
Circulation 101(23), e215-e220, 2000.
"""

HSS = """\
Heart Sounds Shenzhen (HSS), as in the ComParE 2018 Heartbeat sub-challenge
===========================================================================

:Recordings: 845 of 170 subjects; train 502, devel 180, test 163
:Rate: 4 kHz, mono; about 30 s
:Labels: 0 normal, 1 mild, 2 moderate or severe; those of the test partition are withheld
:Segmentation: none
:Licence: by request to the authors; not for redistribution

What to look out for
--------------------
- No subject numbers are published: `groups` is None. Cross-validation over pooled recordings is by
  recording, and a subject may be on both sides. Train on "train" and score on "devel":
  `partition` is the published split.
- The classes are imbalanced (train 84, 276 and 142): score by the unweighted average recall.

Cite
----
F. Dong, K. Qian, Z. Ren, et al. "Machine Listening for Heart Status Monitoring: Introducing and
Benchmarking HSS - the Heart Sounds Shenzhen Corpus." IEEE Journal of Biomedical and Health
Informatics 24(7), 2082-2092, 2020. https://doi.org/10.1109/JBHI.2019.2955281
"""

TABLE = "Recordings of the table {table}: {n} recordings{subjects}.\n"
