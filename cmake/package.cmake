# `make package`: a Debian package with the program, its service and its documentation. Which libraries it needs is
# read from the program.
install(FILES packaging/plumbline.service DESTINATION lib/systemd/system COMPONENT service)
install(FILES README.md LICENSE DESTINATION share/doc/plumbline COMPONENT service)
install(DIRECTORY docs DESTINATION share/doc/plumbline COMPONENT service)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME plumbline)
set(CPACK_PACKAGE_CONTACT "Plumbline <plumbline@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Resource configuration, compliance and control policies")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "ca-certificates")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "bubblewrap")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "postgresql")
include(CPack)
