"""Descriptions of the data sets: contents, licence, citation and known problems (`DESCR`)."""

CIRCOR_URL = "https://physionet.org/files/circor-heart-sound/1.0.3/"
PHYSIONET2016_URL = "https://physionet.org/files/challenge-2016/1.0.0/"

_CITE_PHYSIONET = """\
A. L. Goldberger, L. A. N. Amaral, L. Glass, et al. "PhysioBank, PhysioToolkit, and PhysioNet."
Circulation 101(23), e215-e220, 2000.
"""

CIRCOR = f"""\
CirCor DigiScope phonocardiogram dataset, version 1.0.3
=======================================================

Phonocardiograms of children and young adults from two screening campaigns in Brazil (2014, 2015),
recorded at up to four auscultation sites (AV aortic, PV pulmonary, TV tricuspid, MV mitral; Phc
other).

:Recordings: 3163 of 942 patients in the public part (this folder may hold fewer)
:Rate: 4 kHz, 16 bit, mono; about 5 to 65 s
:Labels of a patient: murmur Present, Absent or Unknown; outcome Normal or Abnormal
:Segmentation: times of S1, systole, S2 and diastole, where annotators could place them
:Licence: Open Data Commons Attribution License 1.0 (ODC-By)
:Source: {CIRCOR_URL}

Known problems
--------------
- Labels belong to the patient, not to the recording: a murmur may not be audible at every site.
  `murmur_locations` lists the sites where it was heard.
- Keep all recordings of a patient on one side of a split. Some patients took part in both campaigns
  under two numbers, linked by `additional_id`; `groups` counts them as one person. The two numbers
  can have different labels.
- The data come without a split, because the test set of the challenge is not public. `split` reads
  published lists, and `evaluate_by_subject` makes folds by person.
- Often only part of a recording is segmented; the rest has the state "unannotated". Segments are
  given as published: neighbours can overlap or leave a gap.

Cite
----
J. Oliveira, F. Renna, P. Costa, et al. "The CirCor DigiScope Dataset: From Murmur Detection to
Murmur Classification." IEEE Journal of Biomedical and Health Informatics 26(6), 2524-2535, 2022.
https://doi.org/10.1109/JBHI.2021.3137048
{_CITE_PHYSIONET}"""

PHYSIONET2016 = f"""\
PhysioNet/Computing in Cardiology Challenge 2016, version 1.0.0
===============================================================

Phonocardiograms that several groups recorded with different equipment, at different sites and from
different patients, published as databases a to f.

:Recordings: 3240 in the training set (this folder may hold fewer)
:Rate: 2 kHz, 16 bit, mono; about 5 to 122 s
:Labels: -1 normal, 1 abnormal
:Segmentation: not read
:Licence: Open Data Commons Attribution License 1.0 (ODC-By)
:Source: {PHYSIONET2016_URL}

Known problems
--------------
- Each database has its own equipment and its own proportion of abnormal recordings, so a pooled
  score mostly measures how well a model recognises the equipment. Report scores per `database`.
  `skheart.audit.site_audit` measures how much of a score is due to that, and what is left on a
  database that was not trained on.
- `validation` is a copy of training recordings, not a test set. `frame.in_validation` marks the
  copied recordings, and `skheart.audit.audit_split` finds copies by their samples.
- A subject has several recordings, but subjects are published for some databases only: in
  training-b, 490 recordings come from 106 subjects. Each recording of an unknown subject is its own
  group, and a warning gives their number: a split of them is by recording rather than by subject.
- `sqi` 0 marks recordings whose quality the organisers found doubtful.

Cite
----
C. Liu, D. Springer, Q. Li, et al. "An open access database for the evaluation of heart sound
algorithms." Physiological Measurement 37(12), 2181-2213, 2016.
https://doi.org/10.1088/0967-3334/37/12/2181
{_CITE_PHYSIONET}"""

HSS = """\
Heart Sounds Shenzhen (HSS), as in the ComParE 2018 Heartbeat sub-challenge
===========================================================================

:Recordings: 845 of 170 subjects; train 502, devel 180, test 163
:Rate: 4 kHz, mono; about 30 s
:Labels: 0 normal, 1 mild, 2 moderate or severe; those of the test partition are withheld
:Segmentation: none
:Licence: by request to the authors; not for redistribution

Known problems
--------------
- Subject numbers are not published, so `groups` is None, and cross-validation over pooled
  recordings can have a subject on both sides. Train on "train" and score on "devel": `partition`
  is the published split by subject.
- The classes are imbalanced (train 84, 276 and 142): score by the unweighted average recall.

Cite
----
F. Dong, K. Qian, Z. Ren, et al. "Machine Listening for Heart Status Monitoring: Introducing and
Benchmarking HSS - the Heart Sounds Shenzhen Corpus." IEEE Journal of Biomedical and Health
Informatics 24(7), 2082-2092, 2020. https://doi.org/10.1109/JBHI.2019.2955281
"""

SYNTHETIC = """\
Generated heart sounds
======================

{n_recordings} recordings of {n_subjects} subjects ({counts}), {seconds:.0f} s in total at {sr} Hz.
The sounds are computed, so the times of every S1, systole, S2, diastole and murmur are known
exactly. The label is that of the subject: no murmur, a mild one or a severe one. A murmur is
fainter away from its own auscultation site, so that a mild one can be masked by breath and room
noise. Use the sounds for tests, examples and checks of explanations; a score on them says nothing
about patients.
"""
